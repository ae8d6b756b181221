"""Where the objects of a scene stand, before any tilt: in 1/128 of the picture's side, x to the right, y down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from preprocessing.scenes.objects import FLOATING
from preprocessing.scenes.scene import Scene

# Longer side of one main object by count, small and large.
_MAIN_SIZES: dict[str, tuple[float, ...]] = {
    "small": (46.0, 41.0, 37.0, 34.0, 31.0),
    "large": (70.0, 54.0, 47.0, 42.0, 38.0),
}
# Offsets within a group, in object sizes: the last rows stand in front.
_FORMATIONS: tuple[tuple[tuple[float, float], ...], ...] = (
    ((0.0, 0.0),),
    ((-0.56, -0.06), (0.56, 0.06)),
    ((0.0, -0.62), (-0.66, 0.12), (0.66, 0.12)),
    ((-0.52, -0.62), (0.72, -0.5), (-0.72, 0.38), (0.54, 0.46)),
    ((-0.95, -0.52), (0.08, -0.66), (1.0, -0.46), (-0.52, 0.44), (0.56, 0.48)),
)
_CENTRES = {"left": 40.0, "centre": 64.0, "right": 88.0}
# What stays visible under every tilt and frame.
_SAFE = (13.0, 12.0, 115.0, 109.0)


@dataclass(frozen=True)
class Placed:
    """One object: bottom centre (x, y), longer side `size`, and whether it floats."""

    kind: str
    color: str
    x: float
    y: float
    size: float
    mirrored: bool
    floating: bool

    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom, taken as a square a little tighter than the sprite."""
        half = self.size * 0.46
        return self.x - half, self.y - self.size * 0.95, self.x + half, self.y


def place(scene: Scene, rng: np.random.Generator) -> list[Placed]:
    """The scene's objects from back to front: the main group first fixed, others where they cover least."""
    main = _main_group(scene, rng)
    placed = list(main)
    for kind, color, low, high in (
        (scene.second_kind, scene.second_color, 35.0, 42.0),
        (scene.third_kind, scene.third_color, 31.0, 34.0),
    ):
        if kind is not None and color is not None:
            placed.append(_beside(kind, color, float(rng.uniform(low, high)), placed, rng))
    return sorted(placed, key=lambda item: item.y)


def _main_group(scene: Scene, rng: np.random.Generator) -> list[Placed]:
    size = _MAIN_SIZES[scene.size][scene.count - 1] * float(rng.uniform(0.95, 1.05))
    formation = _FORMATIONS[scene.count - 1]
    floating = scene.kind in FLOATING
    mirrored = bool(rng.random() < 0.5)
    left = min(dx for dx, _ in formation) * size - size / 2
    right = max(dx for dx, _ in formation) * size + size / 2
    top = min(dy for _, dy in formation) * size - size
    bottom = max(dy for _, dy in formation) * size
    x = _CENTRES[scene.position] + float(rng.uniform(-4, 4))
    x = float(np.clip(x, _SAFE[0] - left, max(_SAFE[0] - left, _SAFE[2] - right)))
    y = float(rng.uniform(62, 84)) if floating else float(rng.uniform(96, 106))
    y = min(y, _SAFE[3] - bottom)
    y = max(y, _SAFE[1] - top) if floating else y
    jitter = 0.02 if scene.count > 1 else 0.0
    return [
        Placed(
            scene.kind,
            scene.color,
            x + (dx + float(rng.normal(0, jitter))) * size,
            y + (dy + float(rng.normal(0, jitter))) * size,
            size,
            mirrored,
            floating,
        )
        for dx, dy in formation
    ]


def _beside(kind: str, color: str, size: float, placed: list[Placed], rng: np.random.Generator) -> Placed:
    """The best of some random places: least overlap first, then nearest to the ground's front."""
    floating = kind in FLOATING
    low, high = (_SAFE[1] + size, 74.0) if floating else (84.0, _SAFE[3])
    best: Placed | None = None
    best_cost = float("inf")
    for attempt in range(28):
        if attempt >= 14:
            low = _SAFE[1] + size  # a crowded ground: look higher up
            high = _SAFE[3]
        item = Placed(
            kind,
            color,
            float(rng.uniform(_SAFE[0] + size / 2, _SAFE[2] - size / 2)),
            float(rng.uniform(low, high)),
            size,
            bool(rng.random() < 0.5),
            floating,
        )
        cost = sum(_overlap(item.box(), other.box()) for other in placed)
        if cost < best_cost:
            best, best_cost = item, cost
        if cost == 0.0:
            break
    return best if best is not None else item


def _overlap(first: tuple[float, float, float, float], second: tuple[float, float, float, float]) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return max(0.0, width) * max(0.0, height)
