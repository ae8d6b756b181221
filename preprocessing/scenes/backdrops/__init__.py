"""The settings of the scenes, painted once for each style and variant and kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image

from preprocessing.scenes.backdrops import land, places
from preprocessing.scenes.backdrops.painter import HEIGHT, MARGIN, SCALE, WIDTH, Painter

PAINTERS: dict[str, Callable[[Painter, np.random.Generator], None]] = {
    "beach": land.beach,
    "forest": land.forest,
    "city": places.city,
    "desert": land.desert,
    "mountains": land.mountains,
    "meadow": land.meadow,
    "underwater": places.underwater,
    "space": places.space,
    "room": places.room,
}
VARIANTS = 6


@lru_cache(maxsize=512)
def backdrop(setting: str, style: str, variant: int) -> Image.Image:
    """RGB of WIDTH x HEIGHT units at SCALE pixels a unit (see painter.py). Not to be altered by the caller."""
    painter = Painter(style)
    PAINTERS[setting](painter, np.random.default_rng([variant, 23]))
    return painter.image


__all__ = ["HEIGHT", "MARGIN", "PAINTERS", "SCALE", "VARIANTS", "WIDTH", "backdrop"]
