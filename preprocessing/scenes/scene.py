"""What is in a scene, drawn at random from a seed, and the variants that training and tests ask for."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from clip_branches.errors import InvalidInput
from preprocessing.scenes.vocabulary import (
    COLORS,
    HIDDEN,
    HIDDEN_WEIGHTS,
    KINDS,
    POSITIONS,
    SETTINGS,
    SIZES,
)

# Seeds of the three uses lie far apart: a picture of the catalogue or of the evaluation was never trained on.
CATALOGUE_SEEDS_START = 0
EVALUATION_SEEDS_START = 1_000_000_000
TRAINING_SEEDS_START = 2_000_000_000
SEED_RANGE = 1_000_000_000

_COUNT_WEIGHTS = (0.44, 0.2, 0.16, 0.1, 0.1)


@dataclass(frozen=True)
class Scene:
    """One scene. `position` is where the main group is; three or more objects always fill the centre."""

    kind: str
    color: str
    count: int
    setting: str
    size: str
    position: str
    second_kind: str | None
    second_color: str | None
    third_kind: str | None
    third_color: str | None
    style: str
    tilt: str
    frame: str
    pattern: str
    lighting: str
    weather: str
    seed: int


def sample_scene(seed: int) -> Scene:
    """The scene of `seed` (0 or above): always the same one. InvalidInput for a negative seed."""
    if seed < 0:
        raise InvalidInput(f"The 'seed' of a scene must be 0 or above. Got {seed} instead.")
    rng = np.random.default_rng([seed, 11])
    kinds = [KINDS[i] for i in rng.permutation(len(KINDS))[:3]]
    colors = [COLORS[i] for i in rng.permutation(len(COLORS))[:3]]
    count = 1 + int(rng.choice(5, p=_COUNT_WEIGHTS))
    setting = SETTINGS[int(rng.integers(len(SETTINGS)))]
    size = SIZES[int(rng.random() < 0.62)]
    position = POSITIONS[int(rng.integers(3))] if count <= 2 else "centre"
    others = int(rng.choice(3, p=(0.16, 0.56, 0.28))) if count <= 3 else int(rng.random() < 0.84)
    hidden = {name: str(rng.choice(values, p=HIDDEN_WEIGHTS[name])) for name, values in HIDDEN.items()}
    return Scene(
        kind=kinds[0],
        color=colors[0],
        count=count,
        setting=setting,
        size=size,
        position=position,
        second_kind=kinds[1] if others >= 1 else None,
        second_color=colors[1] if others >= 1 else None,
        third_kind=kinds[2] if others >= 2 else None,
        third_color=colors[2] if others >= 2 else None,
        seed=seed,
        **hidden,
    )


def with_changes(scene: Scene, **changes: Any) -> Scene:
    """`scene` with some attributes exchanged and all else as it was; hidden attributes leave the layout as it is, too.

    InvalidInput for a name that no scene has, or a value that a hidden attribute does not take.
    """
    known = set(Scene.__dataclass_fields__)
    unknown = sorted(set(changes) - known)
    if unknown:
        raise InvalidInput(f"The 'changes' of a scene must be among {sorted(known)}. Got {unknown} instead.")
    for name, value in changes.items():
        if name in HIDDEN and value not in HIDDEN[name]:
            raise InvalidInput(f"The '{name}' of a scene must be one of {HIDDEN[name]}. Got {value!r} instead.")
    return replace(scene, **changes)


def swapped(scene: Scene) -> Scene:
    """The same scene with the colours of main and second object exchanged.

    A hard negative for "a red boat and a blue car". A scene without a second object is returned as it is.
    """
    if scene.second_color is None:
        return scene
    return replace(scene, color=scene.second_color, second_color=scene.color)


def ground_truth(scene: Scene) -> dict[str, str | int]:
    """Metadata columns of the scene; an absent second or third object is the empty string."""
    return {name: "" if value is None else value for name, value in asdict(scene).items()}
