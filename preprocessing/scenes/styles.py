"""The finish of each drawing style on the composed 128-pixel picture."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from preprocessing.scenes.noise import SIDE, cloudy, displacement, grain
from preprocessing.scenes.palette import BOARD, INK

PIXEL_BLOCK = 3


def finish(picture: Image.Image, style: str, variant: int) -> Image.Image:
    """`picture` (RGB, 128 x 128) with the surface of `style`; `variant` (0..3) chooses among its fixed textures."""
    if style == "ink":
        return _ink(picture, variant)
    if style == "watercolour":
        return _watercolour(picture, variant)
    if style == "pixel":
        return _pixel(picture)
    if style == "chalk":
        return _chalk(picture, variant)
    return picture


@lru_cache(maxsize=4)
def _hatching(variant: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32]]:
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    waver = 1.2 * cloudy(200 + variant, 16)
    lines = (x + y + waver) % 5.0 < 1.5
    paper = 1.0 + 0.018 * grain(210 + variant) + 0.02 * cloudy(220 + variant, 8)
    return lines, paper.astype(np.float32)[..., None]


def _ink(picture: Image.Image, variant: int) -> Image.Image:
    lines, paper = _hatching(variant)
    luma = np.asarray(picture.convert("L").filter(ImageFilter.BoxBlur(1)))
    pixels = np.asarray(picture).astype(np.float32) * paper
    hatched = lines & (luma < 176)
    pixels[hatched] = pixels[hatched] * 0.62 + np.array(INK, np.float32) * 0.2
    return _image(pixels)


@lru_cache(maxsize=4)
def _pigment(variant: int) -> npt.NDArray[np.float32]:
    wash = 0.085 * cloudy(300 + variant, 16) + 0.05 * cloudy(310 + variant, 4) + 0.035 * grain(320 + variant)
    pigment: npt.NDArray[np.float32] = (1.0 + wash).astype(np.float32)[..., None]
    return pigment


def _watercolour(picture: Image.Image, variant: int) -> Image.Image:
    soft = picture.filter(ImageFilter.GaussianBlur(0.8))
    pixels = np.asarray(soft).reshape(-1, 3)[displacement(variant)].reshape(SIDE, SIDE, 3)
    # Pigment gathers where colours meet: darken by the local contrast.
    blurred = np.asarray(Image.fromarray(pixels).filter(ImageFilter.BoxBlur(2))).astype(np.float32)
    values = pixels.astype(np.float32)
    rim = np.abs(values - blurred).max(axis=2, keepdims=True)
    values = values - 0.42 * np.minimum(rim, 60.0)
    return _image(255.0 - (255.0 - values) * (2.0 - _pigment(variant)) + 4.0)


@lru_cache(maxsize=1)
def _bayer() -> npt.NDArray[np.float32]:
    tile = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32)
    cells = SIDE // PIXEL_BLOCK + 1
    repeats = cells // 4 + 1
    return (np.tile(tile, (repeats, repeats))[:cells, :cells] / 16.0 - 0.47)[..., None]


def _pixel(picture: Image.Image) -> Image.Image:
    cells = SIDE // PIXEL_BLOCK + 1
    small = np.asarray(picture.resize((cells, cells), Image.Resampling.BOX)).astype(np.float32)
    step = 255.0 / 8.0
    levels = np.floor(small / step + 0.5 + 0.8 * _bayer()).clip(0, 8) * step
    large = np.repeat(np.repeat(levels.astype(np.uint8), PIXEL_BLOCK, axis=0), PIXEL_BLOCK, axis=1)
    return Image.fromarray(large[:SIDE, :SIDE])


@lru_cache(maxsize=4)
def _dust(variant: int) -> npt.NDArray[np.float32]:
    """How much of the board shows through the chalk: 0 none, 1 all."""
    return (
        (0.17 + 0.15 * grain(400 + variant) + 0.08 * cloudy(410 + variant, 8))
        .clip(0, 0.75)
        .astype(np.float32)[..., None]
    )


def _chalk(picture: Image.Image, variant: int) -> Image.Image:
    pixels = np.asarray(picture).astype(np.float32)
    board = np.array(BOARD, np.float32)
    through = _dust(variant)
    pixels = pixels + (board - pixels) * through
    return _image(pixels + 7.0 * (0.2 - through))


def _image(pixels: npt.NDArray[np.float32]) -> Image.Image:
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
