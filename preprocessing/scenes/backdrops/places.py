"""City, room, underwater and space."""

from __future__ import annotations

import numpy as np

from preprocessing.scenes.backdrops.painter import WIDTH, Painter, wave
from preprocessing.scenes.palette import RGB, mix


def city(painter: Painter, rng: np.random.Generator) -> None:
    painter.sky((150, 190, 222), (244, 228, 212))
    for layer, color in enumerate(((176, 184, 206), (128, 140, 172))):
        x = -6.0
        while x < WIDTH + 6:
            wide = float(rng.uniform(15, 25))
            top = float(rng.uniform(4, 40)) + 16 * layer
            _tower(
                painter, x, top, wide, mix(color, (210, 160, 150), float(rng.uniform(0, 0.25))), rng, lights=layer == 1
            )
            x += wide + float(rng.uniform(-1, 4))
    painter.poly([(-2, 82), (WIDTH + 2, 82), (WIDTH + 2, 92), (-2, 92)], (206, 202, 200))
    painter.poly([(-2, 91), (WIDTH + 2, 91), (WIDTH + 2, 176), (-2, 176)], (126, 128, 142), (88, 90, 106))
    for x in np.arange(-4, WIDTH, 26).tolist():
        painter.poly([(x, 113), (x + 14, 113), (x + 13, 116), (x - 1, 116)], (238, 230, 204), line=False)


def _tower(
    painter: Painter, x: float, top: float, wide: float, color: RGB, rng: np.random.Generator, *, lights: bool
) -> None:
    painter.poly([(x, top), (x + wide, top), (x + wide, 86), (x, 86)], color, mix(color, (250, 236, 220), 0.25))
    pane = (250, 226, 160) if lights else mix(color, (255, 255, 255), 0.35)
    for wy in np.arange(top + 4, 78, 7).tolist():
        for wx in np.arange(x + 3, x + wide - 4, 5.4).tolist():
            if rng.random() < 0.72:
                painter.poly([(wx, wy), (wx + 2.8, wy), (wx + 2.8, wy + 3.6), (wx, wy + 3.6)], pane, line=False)


def room(painter: Painter, rng: np.random.Generator) -> None:
    wall: RGB = ((236, 214, 196), (214, 222, 206), (226, 210, 222), (240, 222, 178), (206, 218, 228))[
        int(rng.integers(5))
    ]
    painter.sky(mix(wall, (255, 255, 255), 0.12), wall)
    for x in np.arange(0, WIDTH, 11).tolist():
        painter.line([(x, -24), (x, 84)], mix(wall, (160, 130, 120), 0.16), 1.4)
    for x in (np.arange(28, WIDTH, 92) + float(rng.uniform(-8, 8))).tolist():
        painter.poly([(x - 17, 8), (x + 17, 8), (x + 17, 52), (x - 17, 52)], (252, 248, 240))
        painter.poly([(x - 14, 11), (x + 14, 11), (x + 14, 49), (x - 14, 49)], (156, 208, 238), (220, 240, 244))
        painter.line([(x, 11), (x, 49)], (252, 248, 240), 2)
        painter.line([(x - 14, 29), (x + 14, 29)], (252, 248, 240), 2)
        for s in (-1, 1):
            edge = x + s * 21
            painter.poly([(edge, 4), (x + s * 7, 4), (x + s * 12, 30), (edge, 58)], (214, 146, 128), (196, 122, 112))
    for x in np.arange(74, WIDTH, 92).tolist():
        painter.poly([(x - 11, 16), (x + 11, 16), (x + 11, 42), (x - 11, 42)], (170, 122, 84))
        painter.poly([(x - 8, 19), (x + 8, 19), (x + 8, 39), (x - 8, 39)], (240, 232, 214))
        painter.poly([(x - 8, 39), (x - 2, 28), (x + 3, 34), (x + 8, 30), (x + 8, 39)], (150, 176, 150), line=False)
    painter.poly([(-2, 78), (WIDTH + 2, 78), (WIDTH + 2, 84), (-2, 84)], (250, 246, 238))
    painter.poly([(-2, 84), (WIDTH + 2, 84), (WIDTH + 2, 176), (-2, 176)], (198, 146, 100), (158, 108, 70))
    for i, y in enumerate((92, 101, 112, 125, 141)):
        painter.line([(-2, y), (WIDTH + 2, y)], (154, 106, 70), 0.9)
        for x in np.arange(8 + 17 * (i % 2), WIDTH, 42).tolist():
            painter.line([(x, y), (x, y - 8 - i)], (154, 106, 70), 0.9)


def underwater(painter: Painter, rng: np.random.Generator) -> None:
    painter.sky((70, 196, 206), (18, 96, 150))
    for x in rng.uniform(0, WIDTH, 5):
        painter.poly([(x, -24), (x + 12, -24), (x - 14, 96), (x - 40, 96)], (84, 200, 208), (22, 104, 156), line=False)
    painter.hills(wave(rng, 76, 7, 7), (24, 100, 140), (20, 88, 128))
    for x in (np.arange(6, WIDTH, 26) + rng.uniform(-7, 7, len(np.arange(6, WIDTH, 26)))).tolist():
        _weed(painter, float(x), 92, float(rng.uniform(26, 48)), (28, 124, 116), rng)
    painter.hills(wave(rng, 88, 3, 7), (196, 190, 142), (136, 146, 128))
    for _ in range(12):
        x, y = rng.uniform(0, WIDTH), rng.uniform(96, 142)
        painter.ellipse(x, y, rng.uniform(1.5, 4), rng.uniform(1, 2), (160, 160, 130))
    for _ in range(26):
        r = float(rng.uniform(0.9, 2.4))
        painter.ellipse(rng.uniform(0, WIDTH), rng.uniform(-20, 84), r, r, (166, 228, 232))


def _weed(painter: Painter, x: float, base: float, high: float, color: RGB, rng: np.random.Generator) -> None:
    ys = np.linspace(0, 1, 9)
    sway = np.sin(ys * 6 + rng.uniform(0, 6)) * 3
    left = [(x + float(s) - 2.4 * (1 - t), base - high * float(t)) for s, t in zip(sway, ys, strict=True)]
    right = [(x + float(s) + 2.4 * (1 - t), base - high * float(t)) for s, t in zip(sway, ys, strict=True)]
    painter.poly([*left, *reversed(right)], color)


def space(painter: Painter, rng: np.random.Generator) -> None:
    painter.sky((24, 20, 58), (76, 50, 116))
    for _ in range(6):
        x, y = rng.uniform(0, WIDTH), rng.uniform(-10, 70)
        painter.ellipse(x, y, rng.uniform(14, 30), rng.uniform(5, 10), (62, 44, 106), line=False)
    for _ in range(110):
        r = float(rng.choice([0.5, 0.7, 1.1]))
        painter.ellipse(rng.uniform(0, WIDTH), rng.uniform(-24, 84), r, r, (255, 244, 214), line=False)
    for x in (np.arange(34, WIDTH, 76) + float(rng.uniform(-10, 10))).tolist():
        _planet(painter, float(x), float(rng.uniform(14, 40)), float(rng.uniform(7, 12)), rng)
    painter.hills(wave(rng, 84, 4, 7), (158, 152, 178), (108, 100, 138))
    for _ in range(13):
        x, y, r = rng.uniform(0, WIDTH), rng.uniform(92, 142), rng.uniform(3, 8)
        painter.ellipse(x, y, r, r * 0.36, (126, 118, 152))
        painter.ellipse(x + 0.4, y + 0.5, r * 0.8, r * 0.26, (104, 96, 134), line=False)


def _planet(painter: Painter, x: float, y: float, r: float, rng: np.random.Generator) -> None:
    color: RGB = ((222, 150, 120), (130, 176, 196), (214, 186, 134), (172, 140, 190))[int(rng.integers(4))]
    painter.ellipse(x, y, r, r, color)
    painter.ellipse(x - r * 0.2, y - r * 0.25, r * 0.68, r * 0.62, mix(color, (255, 255, 255), 0.22), line=False)
    if rng.random() < 0.5:
        painter.line(
            [(x - r * 1.7, y + r * 0.45), (x, y + r * 0.12), (x + r * 1.7, y - r * 0.45)], (240, 222, 190), 1.6
        )
