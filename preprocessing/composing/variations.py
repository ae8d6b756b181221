"""Groups of scenes that differ in one thing each: triplets with ground truth.

A group is a scene and five variations of it, drawn from the same seed: backdrop, style and all that no caption mentions
stay as they are. What tells two members apart can be said in words, so that any ordered pair of a group is a triplet
(reference, caption, target), and the other members are the hard subset, as in CIRR (Liu et al., ICCV 2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from preprocessing.scenes import COLORS, COUNT_WORDS, KINDS, SETTINGS, Scene, sample_scene, with_changes

Picked = TypeVar("Picked")

GROUP_SIZE = 6
PLACES = ("", "second_", "third_")


def group_of(seed: int) -> tuple[Scene, ...]:
    """The scene of ``seed`` and five variations of it, all different: always the same ones."""
    rng = np.random.default_rng([seed, 17])
    members = [sample_scene(seed)]
    while len(members) < GROUP_SIZE:
        varied = _vary(members[0], rng)
        if varied not in members:
            members.append(varied)
    return tuple(members)


def _vary(scene: Scene, rng: np.random.Generator) -> Scene:
    present = [place for place in PLACES if getattr(scene, f"{place}kind") is not None]
    absent = [place for place in PLACES if place not in present]
    colors = [color for color in COLORS if color not in [getattr(scene, f"{place}color") for place in present]]
    kinds = [kind for kind in KINDS if kind not in [getattr(scene, f"{place}kind") for place in present]]
    roll = rng.random()
    if roll < 0.38:
        return with_changes(scene, **{f"{pick(present, rng)}color": pick(colors, rng)})
    if roll < 0.58:
        return with_changes(scene, **{f"{pick(present, rng)}kind": pick(kinds, rng)})
    if roll < 0.78:
        return with_changes(scene, setting=pick([one for one in SETTINGS if one != scene.setting], rng))
    if roll < 0.9 and absent:
        return with_changes(scene, **{f"{absent[0]}kind": pick(kinds, rng), f"{absent[0]}color": pick(colors, rng)})
    if roll < 0.95 and len(present) > 1:
        return with_changes(scene, **{f"{present[-1]}kind": None, f"{present[-1]}color": None})
    # Three or more objects always fill the centre.
    count = pick([number for number in COUNT_WORDS if number != scene.count], rng)
    return with_changes(scene, count=count, position="centre" if count > 2 else scene.position)


def pick(values: Sequence[Picked], rng: np.random.Generator) -> Picked:
    """One of ``values``, each as likely."""
    return values[int(rng.integers(len(values)))]
