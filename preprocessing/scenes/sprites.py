"""Coloured pictures of single objects, made from role maps by one table look-up.

Each pixel of a map holds role (bits 0-3), second pattern tone (bit 4) and one of eight shades (bits 5-7): 256 entries
of a table turn it into RGBA. Maps are drawn once a process and kept.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from preprocessing.scenes.objects import DRAWINGS
from preprocessing.scenes.objects import pen as roles
from preprocessing.scenes.objects.pen import Pen
from preprocessing.scenes.palette import (
    BOARD,
    CHALK,
    INK,
    OBJECT_COLORS,
    PAPER,
    PATTERN_COLORS,
    RGB,
    mix,
    scale,
)

MAP_PIXELS = 256
# Ink line in units of a hundredth of the object.
OUTLINES: dict[str, float] = {"flat": 0.0, "ink": 3.4, "watercolour": 0.0, "pixel": 3.0, "chalk": 3.0}

_FIXED: dict[int, RGB] = {
    roles.INK: (46, 40, 50),
    roles.WHITE: (252, 250, 244),
    roles.GLASS: (176, 222, 240),
    roles.WOOD: (150, 100, 60),
    roles.METAL: (186, 190, 200),
    roles.GOLD: (246, 196, 66),
    roles.LEAF: (82, 150, 74),
    roles.CREAM: (252, 238, 208),
    roles.TYRE: (58, 58, 68),
    roles.BLUSH: (244, 158, 160),
}


@lru_cache(maxsize=128)
def role_map(kind: str, outline: float) -> npt.NDArray[np.uint8]:
    """uint8 (h, w) of roles, cropped to the drawing, with a margin of two pixels; the longer side is at most 260."""
    pen = Pen(MAP_PIXELS, outline)
    DRAWINGS[kind](pen)
    box = pen.image.getbbox()
    cropped = np.asarray(pen.image.crop(box))
    return np.pad(cropped, 2)


@lru_cache(maxsize=1)
def _shade_bits() -> npt.NDArray[np.uint8]:
    """Eight shades over a map, bright at the upper left, ordered-dithered so that reduction gives a smooth gradient."""
    y, x = np.mgrid[0 : MAP_PIXELS + 8, 0 : MAP_PIXELS + 8] / MAP_PIXELS
    level = 7.0 * np.clip(0.1 + 0.28 * x + 0.62 * y, 0, 1)
    bayer = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16.0
    threshold = np.tile(bayer, (level.shape[0] // 4 + 1, level.shape[1] // 4 + 1))[: level.shape[0], : level.shape[1]]
    shades: npt.NDArray[np.uint8] = (np.floor(level + threshold).clip(0, 7).astype(np.uint8)) << 5
    return shades


@lru_cache(maxsize=8)
def _pattern_bits(pattern: str) -> npt.NDArray[np.uint8]:
    """Bit 4 where the second tone of the pattern lies."""
    y, x = np.mgrid[0 : MAP_PIXELS + 8, 0 : MAP_PIXELS + 8] / MAP_PIXELS * 100.0
    if pattern == "stripes":
        on = ((x + y) / 1.4142 % 15.0) < 6.6
    elif pattern == "dots":
        row = np.floor(y / 13.5)
        u, v = (x + row * 7.8) % 15.6 - 7.8, y % 13.5 - 6.75
        on = u * u + v * v < 4.3**2
    elif pattern == "checks":
        on = (np.floor(x / 9.5) + np.floor(y / 9.5)) % 2 == 0
    else:
        on = np.zeros(x.shape, bool)
    bits: npt.NDArray[np.uint8] = on.astype(np.uint8) << 4
    return bits


@lru_cache(maxsize=512)
def _table(color: str, style: str) -> npt.NDArray[np.uint8]:
    """uint8 (256, 4): RGBA of every map value."""
    main, second = OBJECT_COLORS[color], PATTERN_COLORS[color]
    dark = mix(main, (30, 20, 60), 0.3) if color != "black" else (20, 20, 24)
    light = mix(main, (255, 250, 235), 0.45) if color not in ("white", "black") else mix(main, (150, 158, 180), 0.3)
    if color == "white":
        dark = (204, 208, 218)
    palette: dict[int, RGB] = {**_FIXED, roles.MAIN: main, roles.DARK: dark, roles.LIGHT: light}
    table = np.zeros((256, 4), np.uint8)
    for role, rgb in palette.items():
        for tone in (0, 1):
            base = second if role == roles.MAIN and tone else rgb
            for level in range(8):
                table[role | tone << 4 | level << 5] = (*_toned(base, role, level / 7.0, style), 255)
    return table


def _toned(base: RGB, role: int, level: float, style: str) -> RGB:
    """The colour of one role at shade `level` (0 bright .. 1 dark) in a drawing style."""
    if style == "ink":
        return INK if role == roles.INK else mix(scale(base, 1.04 - 0.1 * level), PAPER, 0.1)
    if style == "chalk":
        if role == roles.INK:
            return CHALK
        return mix(base, BOARD, 0.12 + 0.12 * level)
    if style == "pixel":
        return scale(base, 1.12 if level < 0.3 else 1.0 if level < 0.66 else 0.82)
    if style == "watercolour":
        return mix(base, (255, 252, 244), 0.3 - 0.24 * level)
    return scale(base, 1.1 - 0.26 * level)


def sprite(kind: str, color: str, *, style: str, pattern: str, pixels: int, mirrored: bool = False) -> Image.Image:
    """One object as an RGBA picture whose longer side is `pixels`."""
    roles_ = role_map(kind, OUTLINES[style])
    height, width = roles_.shape
    index = roles_ | _shade_bits()[:height, :width] | _pattern_bits(pattern)[:height, :width]
    index[roles_ == 0] = 0
    picture = Image.fromarray(np.take(_table(color, style), index, axis=0), "RGBA")
    factor = pixels / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    picture = picture.resize(size, Image.Resampling.BILINEAR)
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else picture
