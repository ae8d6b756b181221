"""Fixed textures: smooth noise, paper grain, displacement. Made once a process, the same in every one."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

SIDE = 128


def cloudy(seed: int, cell: int, side: int = SIDE) -> npt.NDArray[np.float32]:
    """float32 (side, side) in [-1, 1]: random values on a grid of `cell` pixels, interpolated."""
    rng = np.random.default_rng([seed, 31])
    coarse = rng.uniform(-1, 1, (side // cell + 3, side // cell + 3)).astype(np.float32)
    image = Image.fromarray(coarse).resize((coarse.shape[1] * cell, coarse.shape[0] * cell), Image.Resampling.BICUBIC)
    return np.asarray(image)[cell : cell + side, cell : cell + side].clip(-1, 1)


def grain(seed: int, side: int = SIDE) -> npt.NDArray[np.float32]:
    """float32 (side, side), normal with deviation 1: independent pixels."""
    return np.random.default_rng([seed, 37]).normal(0, 1, (side, side)).astype(np.float32)


@lru_cache(maxsize=4)
def displacement(variant: int) -> npt.NDArray[np.intp]:
    """Flat source positions (side * side) that make edges waver by about two pixels."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    dx = 1.1 * cloudy(100 + variant, 8) + 0.7 * cloudy(110 + variant, 4)
    dy = 1.1 * cloudy(120 + variant, 8) + 0.7 * cloudy(130 + variant, 4)
    rows = np.rint(y + dy).clip(0, SIDE - 1).astype(np.intp)
    columns = np.rint(x + dx).clip(0, SIDE - 1).astype(np.intp)
    return np.ravel(rows * SIDE + columns)
