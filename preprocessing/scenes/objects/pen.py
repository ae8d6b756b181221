"""Draws the parts of an object into a map of colour roles.

An object is drawn once, in roles ("main colour", "glass", "ink") instead of colours, on a square of 100 x 100 units
with y pointing down. Colours, shading and patterns are put on later through a table (see sprites.py), so a kind is
drawn once a process and coloured a thousand times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

EMPTY, MAIN, DARK, LIGHT, INK, WHITE, GLASS, WOOD, METAL, GOLD, LEAF, CREAM, TYRE, BLUSH = range(14)

Point = tuple[float, float]


class Pen:
    """Parts are painted in the order of the calls; `outline` > 0 puts an ink line of that many units around each."""

    def __init__(self, pixels: int, outline: float = 0.0) -> None:
        self.image = Image.new("L", (pixels, pixels), EMPTY)
        self._draw = ImageDraw.Draw(self.image)
        self._unit = pixels / 100.0
        self._outline = outline

    def poly(self, points: Sequence[Point], role: int = MAIN, *, line: bool = True) -> None:
        """A closed polygon."""
        scaled = [(x * self._unit, y * self._unit) for x, y in points]
        self._draw.polygon(scaled, fill=role)
        if line and self._outline:
            self._stroke([*scaled, scaled[0], scaled[1]], self._outline, INK)

    def curve(self, points: Sequence[Point], role: int = MAIN, *, line: bool = True) -> None:
        """A closed smooth shape through `points` (Catmull-Rom spline)."""
        self.poly(smooth(points, closed=True), role, line=line)

    def ellipse(
        self, cx: float, cy: float, rx: float, ry: float | None = None, role: int = MAIN, *, line: bool = True
    ) -> None:
        """A filled ellipse around (cx, cy) with radii rx and ry; a circle where ry is not given."""
        self.poly(oval(cx, cy, rx, rx if ry is None else ry), role, line=line)

    def rect(
        self, x0: float, y0: float, x1: float, y1: float, role: int = MAIN, *, radius: float = 0.0, line: bool = True
    ) -> None:
        """A filled rectangle from (x0, y0) to (x1, y1) whose corners have `radius`."""
        self.poly(rounded(x0, y0, x1, y1, radius), role, line=line)

    def stroke(
        self, points: Sequence[Point], width: float, role: int = MAIN, *, bend: bool = False, line: bool = True
    ) -> None:
        """A thick open line with round ends and joints; `bend` draws it as a smooth curve through the points."""
        path = [(x * self._unit, y * self._unit) for x, y in (smooth(points, closed=False) if bend else points)]
        if line and self._outline:
            self._stroke(path, width + 2 * self._outline * 0.75, INK)
        self._stroke(path, width, role)

    def ring(self, cx: float, cy: float, radius: float, width: float, role: int = MAIN, *, line: bool = True) -> None:
        """A circle's line, `width` units thick, seen through in the middle."""
        points = oval(cx, cy, radius, radius)
        self.stroke([*points, points[0]], width, role, line=line)

    def _stroke(self, path: Sequence[Point], width: float, role: int) -> None:
        thick = max(1, round(width * self._unit))
        self._draw.line(list(path), fill=role, width=thick, joint="curve")
        radius = thick / 2
        for x, y in (path[0], path[-1]):
            self._draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=role)


def oval(cx: float, cy: float, rx: float, ry: float, start: float = 0.0, stop: float = 360.0) -> list[Point]:
    """Points of an ellipse's arc from `start` to `stop` degrees, clockwise on the screen from three o'clock."""
    steps = max(8, int(abs(stop - start) / 9))
    angles = [math.radians(start + (stop - start) * i / steps) for i in range(steps + 1)]
    return [(cx + rx * math.cos(a), cy + ry * math.sin(a)) for a in angles]


def rounded(x0: float, y0: float, x1: float, y1: float, radius: float) -> list[Point]:
    """Points of a rectangle whose corners have `radius`."""
    r = min(radius, (x1 - x0) / 2, (y1 - y0) / 2)
    if r <= 0:
        return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    return [
        *oval(x0 + r, y0 + r, r, r, 180, 270),
        *oval(x1 - r, y0 + r, r, r, 270, 360),
        *oval(x1 - r, y1 - r, r, r, 0, 90),
        *oval(x0 + r, y1 - r, r, r, 90, 180),
    ]


def smooth(points: Sequence[Point], *, closed: bool, steps: int = 8) -> list[Point]:
    """A Catmull-Rom spline through `points`, `steps` segments between two of them."""
    n = len(points)
    result: list[Point] = []
    for i in range(n if closed else n - 1):
        if closed:
            p0, p1, p2, p3 = (points[(i + k) % n] for k in (-1, 0, 1, 2))
        else:
            p0, p1, p2, p3 = (points[min(max(i + k, 0), n - 1)] for k in (-1, 0, 1, 2))
        for step in range(steps):
            t = step / steps
            result.append((_spline(p0[0], p1[0], p2[0], p3[0], t), _spline(p0[1], p1[1], p2[1], p3[1], t)))
    if not closed:
        result.append(points[-1])
    return result


def _spline(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t * t * t)
