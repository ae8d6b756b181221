"""From a scene to its picture."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from PIL import Image

from clip_branches.errors import InvalidInput
from preprocessing.scenes import overlays, styles
from preprocessing.scenes.backdrops import HEIGHT, MARGIN, SCALE, VARIANTS, WIDTH, backdrop
from preprocessing.scenes.layout import Placed, place
from preprocessing.scenes.noise import SIDE
from preprocessing.scenes.scene import Scene
from preprocessing.scenes.sprites import sprite

_WORLD = HEIGHT  # units of the square that is composed: what is seen and a margin all around for the tilt
_TILT_DEGREES = 15.0


def render(scene: Scene, size: int = 128) -> Image.Image:
    """The RGB picture of the scene, `size` x `size` pixels (16..2048); drawn at 128 and resampled for any other size.

    The same scene gives the same bytes on every machine with one Pillow version. InvalidInput for another size.
    """
    if not 16 <= size <= 2048:
        raise InvalidInput(f"The 'size' of a picture must be between 16 and 2048. Got {size} instead.")
    # Only the seed and the captioned layout feed this generator, so a changed hidden attribute changes nothing else.
    rng = np.random.default_rng([scene.seed, 13])
    variant = int(rng.integers(VARIANTS))
    drift = int(rng.integers((WIDTH - _WORLD) * SCALE + 1))
    corner = int(rng.integers(2))
    texture = int(rng.integers(4))
    lean = _TILT_DEGREES * (1 if rng.random() < 0.5 else -1)
    flipped = bool(rng.random() < 0.5)
    placed = place(scene, rng)

    ground = backdrop(scene.setting, scene.style, variant).crop((drift, 0, drift + _WORLD * SCALE, HEIGHT * SCALE))
    canvas = overlays.light_backdrop(
        ground.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flipped else ground, scene.lighting
    )
    overlays.glow(canvas, scene.lighting, corner)
    _paste_objects(canvas, placed, scene)
    picture = _view(canvas, lean if scene.tilt == "tilted" else 0.0)
    overlays.fall(picture, scene.weather, texture)
    picture = styles.finish(picture, scene.style, texture)
    overlays.put_frame(picture, scene.frame)
    return picture if size == SIDE else picture.resize((size, size), Image.Resampling.LANCZOS)


def _paste_objects(canvas: Image.Image, placed: list[Placed], scene: Scene) -> None:
    made: dict[tuple[str, str, int, bool], Image.Image] = {}
    for item in placed:
        key = (item.kind, item.color, round(item.size * SCALE), item.mirrored)
        if key not in made:
            drawn = sprite(
                item.kind, item.color, style=scene.style, pattern=scene.pattern, pixels=key[2], mirrored=item.mirrored
            )
            made[key] = overlays.light_object(drawn, scene.lighting)
        picture = made[key]
        x = round((item.x + MARGIN) * SCALE)
        y = round((item.y + MARGIN) * SCALE)
        _shadow(canvas, item, picture.width, x, y)
        canvas.paste(picture, (x - picture.width // 2, y - picture.height), picture)


@lru_cache(maxsize=64)
def _blob(width: int, height: int, strength: int) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    u, v = (x + 0.5) / width * 2 - 1, (y + 0.5) / height * 2 - 1
    return Image.fromarray(((1 - u * u - v * v).clip(0, 1) ** 0.7 * strength).astype(np.uint8))


def _shadow(canvas: Image.Image, item: Placed, width: int, x: int, y: int) -> None:
    """A soft shadow on the ground: close below what stands, small and faint far below what floats."""
    if item.floating:
        wide, high, strength, below = (
            int(width * 0.7) // 4 * 4,
            int(width * 0.14) // 2 * 2 + 2,
            60,
            (112 + MARGIN) * SCALE,
        )
    else:
        wide, high, strength, below = int(width * 1.12) // 4 * 4, int(width * 0.2) // 2 * 2 + 2, 110, y - SCALE
    canvas.paste((34, 26, 54), (x - wide // 2, below - high // 2), _blob(wide, high, strength))


def _view(canvas: Image.Image, degrees: float) -> Image.Image:
    """The middle of the canvas, turned by `degrees` clockwise, at 128 px."""
    if degrees == 0.0:
        low = MARGIN * SCALE
        return canvas.crop((low, low, low + SIDE * SCALE, low + SIDE * SCALE)).reduce(SCALE)
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    centre, middle = canvas.width / 2, SIDE * SCALE / 2
    matrix = (cos, sin, centre - cos * middle - sin * middle, -sin, cos, centre + sin * middle - cos * middle)
    turned = canvas.transform((SIDE * SCALE, SIDE * SCALE), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    return turned.reduce(SCALE)
