"""Which object stands in which cell of a picture: what the training's local classifiers are taught."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from preprocessing.scenes import COLORS, KINDS, Scene
from preprocessing.scenes.backdrops import HEIGHT, SCALE, VARIANTS, WIDTH
from preprocessing.scenes.layout import Placed, place

NOTHING = -1
_SIDE = 128.0  # units of a picture's side
_CORE = 0.34  # a cell belongs to an object when its centre is within this part of the object's size of its middle


def object_cells(scene: Scene, cells: int) -> npt.NDArray[np.int8]:
    """int8 (cells, cells, 2): kind and colour of the object that is foremost in each cell, NOTHING where none is."""
    found = np.full((cells, cells, 2), NOTHING, dtype=np.int8)
    objects, degrees = _placed(scene)
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    middles = (np.arange(cells) + 0.5) * _SIDE / cells
    for item in objects:
        x, y = item.x - _SIDE / 2, item.y - item.size / 2 - _SIDE / 2
        # The picture is turned clockwise about its middle, y pointing down.
        x, y = cos * x - sin * y + _SIDE / 2, sin * x + cos * y + _SIDE / 2
        near = np.hypot(middles[None, :] - x, middles[:, None] - y) <= _CORE * item.size
        row, column = (min(cells - 1, max(0, int(value * cells / _SIDE))) for value in (y, x))
        near[row, column] = True
        found[near] = KINDS.index(item.kind), COLORS.index(item.color)
    return found


def _placed(scene: Scene) -> tuple[list[Placed], float]:
    """The objects of a scene and the tilt in degrees, drawn as ``render`` draws them; a test holds the two together."""
    rng = np.random.default_rng([scene.seed, 13])
    rng.integers(VARIANTS)
    rng.integers((WIDTH - HEIGHT) * SCALE + 1)
    rng.integers(2)
    rng.integers(4)
    lean = 15.0 * (1 if rng.random() < 0.5 else -1)
    rng.random()
    return place(scene, rng), lean if scene.tilt == "tilted" else 0.0
