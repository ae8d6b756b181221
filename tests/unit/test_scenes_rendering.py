"""Pictures: the same bytes everywhere, objects that stand out, hidden values that change only what they should."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import numpy.typing as npt
import pytest

from preprocessing.scenes import HIDDEN, KINDS, SETTINGS, STYLES, Scene, render, sample_scene, swapped, with_changes
from preprocessing.scenes.layout import place

# Found: at least 0.6 % of the picture (a chalk bicycle, half hidden) and 0.78 of it (a red kite in blue moonlight).
LEAST_COLORED = 0.005
LEAST_STANDING_OUT = 0.7
# Found: 0.79 under a pattern and 0.90 in rain; a scene drawn anew in the same frame keeps 0.56 at most.
LEAST_UNTOUCHED = 0.7

_DIGEST = """
import hashlib
from preprocessing.scenes import render, sample_scene
print(hashlib.sha256(b"".join(render(sample_scene(seed)).tobytes() for seed in (9, 4, 1, 16))).hexdigest())
"""


def pixels(scene: Scene) -> npt.NDArray[np.int16]:
    return np.asarray(render(scene), dtype=np.int16)


def differing(one: npt.NDArray[np.int16], other: npt.NDArray[np.int16], by: int) -> npt.NDArray[np.bool_]:
    """bool (128, 128): the pixels in which a channel differs by more than `by` of 255."""
    return np.abs(one - other).max(axis=2) > by


def changed_share(one: Scene, other: Scene, by: int = 16) -> float:
    return float(differing(pixels(one), pixels(other), by).mean())


def test_another_process_draws_the_same_bytes() -> None:
    here = hashlib.sha256(b"".join(render(sample_scene(seed)).tobytes() for seed in (9, 4, 1, 16))).hexdigest()
    there = subprocess.run([sys.executable, "-c", _DIGEST], check=True, capture_output=True, text=True)
    assert there.stdout.strip() == here


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("kind", KINDS)
def test_an_object_stands_out_from_what_is_behind_it(kind: str, style: str) -> None:
    # The main object is placed first, so without the second one all else is the same. Settings take turns.
    number = KINDS.index(kind) * len(STYLES) + STYLES.index(style)
    alone = with_changes(
        sample_scene(number),
        kind="clock" if kind == "lamp" else "lamp",
        count=1,
        setting=SETTINGS[number % len(SETTINGS)],
        style=style,
        **dict.fromkeys(("second_kind", "second_color", "third_kind", "third_color")),
    )
    red, blue = (pixels(with_changes(alone, second_kind=kind, second_color=color)) for color in ("red", "blue"))
    # Where the colour shows is the object: its shadow, which would hide a missing one, has none.
    colored = differing(red, blue, by=48)
    assert colored.mean() > LEAST_COLORED
    for picture in (red, blue):
        assert differing(picture, pixels(alone), by=16)[colored].mean() > LEAST_STANDING_OUT


@pytest.mark.parametrize("name", HIDDEN)
def test_every_value_of_a_hidden_attribute_changes_the_picture_of_a_scene_as_it_is_drawn(name: str) -> None:
    for seed in range(40, 44):
        scene = sample_scene(seed)
        for value in HIDDEN[name]:
            if value != getattr(scene, name):
                assert changed_share(scene, with_changes(scene, **{name: value}), by=8) > 0.01, (seed, value)


def test_a_changed_scene_leaves_itself_and_other_seeds_as_they_were() -> None:
    seeds = (100, 101, 102)
    before = [(sample_scene(seed), render(sample_scene(seed)).tobytes()) for seed in seeds]
    for name, values in HIDDEN.items():
        for value in values:
            render(with_changes(sample_scene(100), **{name: value}))
    assert [(sample_scene(seed), render(sample_scene(seed)).tobytes()) for seed in seeds] == before


@pytest.mark.parametrize(("name", "inside"), [("pattern", 0), ("frame", 24), ("weather", 0)])
def test_what_lies_on_objects_or_over_the_picture_leaves_the_rest_as_it_was(name: str, inside: int) -> None:
    # In the flat style nothing else is touched; were backdrop or layout drawn anew, much would change.
    window = slice(inside, 128 - inside)
    for seed in range(10):
        scene = with_changes(sample_scene(seed), style="flat")
        pictures = [pixels(with_changes(scene, **{name: value}))[window, window] for value in HIDDEN[name]]
        for picture in pictures[1:]:
            same = (picture == pictures[0]).all(axis=2).mean()
            assert same == 1.0 if name == "frame" else same > LEAST_UNTOUCHED, seed


def test_nothing_hidden_moves_an_object() -> None:
    for seed in range(50):
        scene = sample_scene(seed)
        other = with_changes(scene, **{name: values[-1] for name, values in HIDDEN.items()})
        assert place(scene, np.random.default_rng(seed)) == place(other, np.random.default_rng(seed))


def test_swapped_scenes_differ_in_two_colours_and_in_no_place() -> None:
    for seed in range(60):
        scene = sample_scene(seed)
        one, other = (place(item, np.random.default_rng(seed)) for item in (scene, swapped(scene)))
        exchange = {scene.color: scene.second_color or scene.color, scene.second_color: scene.color}
        for item, twin in zip(one, other, strict=True):
            assert (item.kind, item.x, item.y, item.size) == (twin.kind, twin.x, twin.y, twin.size)
            assert twin.color == exchange.get(item.color, item.color)
    scene = next(item for item in map(sample_scene, range(50)) if item.second_kind is not None)
    assert changed_share(scene, swapped(scene)) > 0.02


def test_other_sizes_are_the_same_picture() -> None:
    for seed in range(3):
        scene = sample_scene(seed)
        large = render(scene, 256).reduce(2)
        assert np.abs(np.asarray(large, dtype=np.int16) - pixels(scene)).mean() < 4.0
