"""Paints the layers of a backdrop in one of the drawing styles.

A backdrop is 220 x 176 units, wider and higher than the 128 x 128 that are seen: scenes crop it at different places
and tilted ones turn it. y = 0 is the top of what is seen, so layers start at y = -24 and end at 152.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from preprocessing.scenes.objects.pen import Point, oval, smooth
from preprocessing.scenes.palette import BOARD, CHALK, INK, PAPER, RGB, mix

WIDTH, HEIGHT, MARGIN = 220, 176, 24
# Pixels a unit; pictures are composed at this scale and reduced at the end.
SCALE = 2


class Painter:
    """Layers are painted from back to front in the order of the calls."""

    def __init__(self, style: str) -> None:
        self.style = style
        self.image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE))
        self._draw = ImageDraw.Draw(self.image)

    def sky(self, top: RGB, bottom: RGB) -> None:
        """The whole canvas, from `top` at its upper edge to `bottom` at two thirds of its height."""
        self.image.paste(self._gradient(self._tone(top), self._tone(bottom), HEIGHT * SCALE * 2 // 3), (0, 0))
        rest = HEIGHT * SCALE * 2 // 3
        self.image.paste(self._tone(bottom), (0, rest, WIDTH * SCALE, HEIGHT * SCALE))

    def poly(self, points: Sequence[Point], color: RGB, bottom: RGB | None = None, *, line: bool = True) -> None:
        """A filled polygon, shaded down to `bottom` where given."""
        scaled = [(x * SCALE, (y + MARGIN) * SCALE) for x, y in points]
        if bottom is None:
            self._draw.polygon(scaled, fill=self._tone(color))
        else:
            mask = Image.new("L", self.image.size)
            ImageDraw.Draw(mask).polygon(scaled, fill=255)
            box = mask.getbbox()
            if box is None:
                return
            shade = self._gradient(self._tone(color), self._tone(bottom), box[3] - box[1])
            self.image.paste(shade.crop((0, 0, box[2] - box[0], box[3] - box[1])), box[:2], mask.crop(box))
        if line:
            self._contour([*scaled, scaled[0]], color)

    def hills(self, points: Sequence[Point], color: RGB, bottom: RGB | None = None) -> None:
        """Ground whose smooth upper edge passes through `points` (x ascending), filled down to the canvas edge."""
        edge = smooth(points, closed=False)
        self.poly([*edge, (WIDTH + 2, HEIGHT), (-2, HEIGHT)], color, bottom)

    def ellipse(self, cx: float, cy: float, rx: float, ry: float, color: RGB, *, line: bool = True) -> None:
        """A filled ellipse around (cx, cy) with radii rx and ry."""
        self.poly(oval(cx, cy, rx, ry), color, line=line)

    def cloud(self, x: float, y: float, size: float, color: RGB) -> None:
        """A flat-bottomed cloud of three lobes, about 2.4 x `size` wide."""
        points = [
            (x - 1.3 * size, y),
            (x - 1.1 * size, y - 0.45 * size),
            (x - 0.55 * size, y - 0.5 * size),
            (x - 0.1 * size, y - 0.95 * size),
            (x + 0.5 * size, y - 0.6 * size),
            (x + 1.05 * size, y - 0.42 * size),
            (x + 1.25 * size, y),
        ]
        self.poly([*smooth(points, closed=False), (x - 1.3 * size, y)], color)

    def line(self, points: Sequence[Point], color: RGB, width: float) -> None:
        scaled = [(x * SCALE, (y + MARGIN) * SCALE) for x, y in points]
        self._draw.line(scaled, fill=self._tone(color), width=max(1, round(width * SCALE)), joint="curve")

    def _tone(self, color: RGB) -> RGB:
        if self.style == "ink":
            return mix(color, PAPER, 0.55)
        if self.style == "watercolour":
            return mix(color, (255, 252, 246), 0.3)
        if self.style == "chalk":
            return mix(BOARD, color, 0.14)
        return color

    def _contour(self, path: list[Point], color: RGB) -> None:
        if self.style == "ink":
            self._draw.line(path, fill=mix(INK, color, 0.2), width=2, joint="curve")
        elif self.style == "chalk":
            self._draw.line(path, fill=mix(mix(BOARD, CHALK, 0.55), color, 0.3), width=3, joint="curve")

    def _gradient(self, top: RGB, bottom: RGB, height: int) -> Image.Image:
        ramp = np.linspace(np.array(top, float), np.array(bottom, float), max(1, height))
        return Image.fromarray(np.repeat(np.rint(ramp).astype(np.uint8)[:, None, :], WIDTH * SCALE, axis=1), "RGB")


def wave(rng: np.random.Generator, y: float, height: float, count: int) -> list[Point]:
    """Points of a rolling edge around `y` across the whole width, at most `height` up or down."""
    xs = np.linspace(-6, WIDTH + 6, count)
    return [(float(x), y + float(rng.uniform(-height, height))) for x in xs]
