"""Light, weather and frames."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from preprocessing.scenes.noise import SIDE

# Factors on red, green and blue: for the backdrop and, milder, for objects, whose colour must stay recognisable.
_BACKDROP_LIGHT = {"sunset": (1.12, 0.82, 0.6), "moonlight": (0.56, 0.64, 0.92)}
_OBJECT_LIGHT = {"sunset": (1.06, 0.92, 0.78), "moonlight": (0.84, 0.88, 1.0)}
_GLOW = {"sunset": (255, 150, 60), "moonlight": (206, 222, 255)}


@lru_cache(maxsize=8)
def _tables(lighting: str, objects: bool) -> list[int]:
    factors = (_OBJECT_LIGHT if objects else _BACKDROP_LIGHT)[lighting]
    return [min(255, round(v * factor)) for factor in factors for v in range(256)]


def light_backdrop(picture: Image.Image, lighting: str) -> Image.Image:
    """The RGB backdrop under `lighting`."""
    return picture if lighting == "daylight" else picture.point(_tables(lighting, False))


def light_object(picture: Image.Image, lighting: str) -> Image.Image:
    """The RGBA object under `lighting`."""
    if lighting == "daylight":
        return picture
    return picture.point([*_tables(lighting, True), *range(256)])


@lru_cache(maxsize=8)
def _glow_mask(lighting: str, corner: int, side: int) -> Image.Image:
    y, x = np.mgrid[0:side, 0:side] / side
    cx = 0.12 if corner == 0 else 0.88
    if lighting == "sunset":
        distance = np.hypot((x - cx) * 0.9, y - 0.3)
        mask = np.exp(-((distance / 0.42) ** 2)) * 0.72
    else:
        distance = np.hypot(x - (0.2 if corner == 0 else 0.8), y - 0.2)
        mask = np.exp(-((distance / 0.17) ** 2)) * 0.55
        mask = np.where(distance < 0.066, 0.98, mask)
    return Image.fromarray((mask * 255).astype(np.uint8))


def glow(picture: Image.Image, lighting: str, corner: int) -> None:
    """Paints the low sun's haze or the moon with its halo onto the backdrop, at the upper left (0) or right (1)."""
    if lighting != "daylight":
        picture.paste(_GLOW[lighting], (0, 0), _glow_mask(lighting, corner, picture.width))


@lru_cache(maxsize=16)
def _weather_mask(weather: str, variant: int) -> Image.Image:
    """L mask, drawn three times as large and reduced."""
    rng = np.random.default_rng([variant, 41])
    k = 3
    mask = Image.new("L", (SIDE * k, SIDE * k))
    draw = ImageDraw.Draw(mask)
    if weather == "rain":
        for _ in range(62):
            x, y = rng.uniform(-10, SIDE + 24), rng.uniform(-14, SIDE)
            length = rng.uniform(10, 19)
            draw.line(
                [(x * k, y * k), ((x - 0.36 * length) * k, (y + length) * k)], fill=int(rng.integers(150, 225)), width=4
            )
    else:
        for _ in range(92):
            x, y, r = rng.uniform(0, SIDE), rng.uniform(0, SIDE), rng.choice([1.1, 1.6, 2.3], p=[0.4, 0.4, 0.2])
            draw.ellipse([(x - r) * k, (y - r) * k, (x + r) * k, (y + r) * k], fill=int(rng.integers(200, 255)))
    return mask.reduce(k)


def fall(picture: Image.Image, weather: str, variant: int) -> None:
    """Lets rain or snow fall over the picture (RGB, 128 x 128), in place."""
    if weather == "rain":
        picture.paste((226, 238, 252), (0, 0), _weather_mask(weather, variant))
    elif weather == "snow":
        picture.paste((255, 255, 255), (0, 0), _weather_mask(weather, variant))


@lru_cache(maxsize=4)
def _frame(frame: str) -> Image.Image:
    """RGBA frame over a 128-pixel picture."""
    k = 4
    image = Image.new("RGBA", (SIDE * k, SIDE * k), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    full = (0, 0, SIDE * k, SIDE * k)
    if frame == "mat":
        draw.rectangle(full, fill=(252, 250, 244, 255))
        draw.rectangle([int(8.6 * k)] * 2 + [SIDE * k - int(8.6 * k)] * 2, fill=(196, 160, 92, 255))
        draw.rectangle([10 * k] * 2 + [SIDE * k - 10 * k] * 2, fill=(0, 0, 0, 0))
    elif frame == "film":
        draw.rectangle(full, fill=(22, 20, 24, 255))
        draw.rounded_rectangle([4 * k, 13 * k, SIDE * k - 4 * k, SIDE * k - 13 * k], radius=3 * k, fill=(0, 0, 0, 0))
        for i in range(10):
            x = (3 + 12.6 * i) * k
            for y in (3.4 * k, (SIDE - 9.6) * k):
                draw.rounded_rectangle([x, y, x + 7 * k, y + 6 * k], radius=int(1.4 * k), fill=(236, 230, 216, 255))
    elif frame == "polaroid":
        draw.rectangle(full, fill=(92, 78, 72, 255))
        draw.rounded_rectangle([2 * k, 2 * k, (SIDE - 2) * k, (SIDE - 2) * k], radius=5 * k, fill=(250, 246, 236, 255))
        draw.rounded_rectangle([8 * k, 8 * k, (SIDE - 8) * k, (SIDE - 23) * k], radius=2 * k, fill=(0, 0, 0, 0))
    return image.resize((SIDE, SIDE), Image.Resampling.BOX)


def put_frame(picture: Image.Image, frame: str) -> None:
    """Puts the frame over the picture (RGB, 128 x 128), in place."""
    if frame != "none":
        border = _frame(frame)
        picture.paste(border, (0, 0), border)
