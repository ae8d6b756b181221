"""Beach, desert, meadow, forest and mountains."""

from __future__ import annotations

import numpy as np

from preprocessing.scenes.backdrops.painter import WIDTH, Painter, wave
from preprocessing.scenes.palette import RGB, mix


def _clouds(painter: Painter, rng: np.random.Generator, color: RGB = (255, 255, 255)) -> None:
    for i in range(4):
        painter.cloud(30 + i * 55 + rng.uniform(-14, 14), rng.uniform(14, 42), rng.uniform(8, 13), color)


def beach(painter: Painter, rng: np.random.Generator) -> None:
    painter.sky((104, 190, 236), (214, 240, 246))
    _clouds(painter, rng)
    painter.poly([(-2, 58), (WIDTH + 2, 58), (WIDTH + 2, 100), (-2, 100)], (28, 140, 190), (92, 206, 212))
    for _ in range(16):
        x, y = rng.uniform(0, WIDTH), rng.uniform(61, 76)
        painter.line([(x, y), (x + rng.uniform(6, 14), y)], (168, 226, 232), 0.9)
    painter.hills(wave(rng, 80, 2.2, 8), (250, 250, 240))
    painter.hills(wave(rng, 84, 2.2, 8), (246, 222, 166), (226, 188, 122))
    for _ in range(14):
        x, y = rng.uniform(0, WIDTH), rng.uniform(92, 138)
        painter.ellipse(x, y, 2.2, 0.9, (222, 184, 124), line=False)
    for x in rng.uniform(0, WIDTH, 4):
        y = rng.uniform(112, 140)
        painter.ellipse(float(x), y, 2.4, 2.0, (252, 240, 226))


def desert(painter: Painter, rng: np.random.Generator) -> None:
    painter.sky((248, 186, 112), (254, 232, 182))
    painter.ellipse(rng.uniform(60, 160), 24, 10, 10, (255, 246, 206))
    painter.hills(wave(rng, 58, 7, 6), (236, 170, 104), (224, 150, 88))
    painter.hills(wave(rng, 70, 6, 5), (226, 148, 80), (208, 128, 66))
    for x in np.arange(18, WIDTH, 52) + rng.uniform(-14, 14, 4)[: len(np.arange(18, WIDTH, 52))]:
        _cactus(painter, float(x), rng.uniform(74, 80), rng.uniform(0.8, 1.2))
    painter.hills(wave(rng, 82, 4, 5), (214, 136, 72), (192, 110, 56))
    for _ in range(9):
        x, y = rng.uniform(0, WIDTH), rng.uniform(92, 136)
        painter.line([(x, y), (x + 12, y - 1.4), (x + 26, y)], (186, 106, 56), 0.9)


def _cactus(painter: Painter, x: float, y: float, k: float) -> None:
    green: RGB = (106, 140, 92)
    painter.poly(
        [(x - 2 * k, y + 8), (x - 2 * k, y - 20 * k), (x, y - 22 * k), (x + 2 * k, y - 20 * k), (x + 2 * k, y + 8)],
        green,
    )
    for s in (-1, 1):
        painter.line([(x, y - 6 * k), (x + s * 6 * k, y - 7 * k), (x + s * 6 * k, y - 14 * k)], green, 2.4 * k)


def meadow(painter: Painter, rng: np.random.Generator) -> None:
    painter.sky((126, 200, 240), (232, 246, 240))
    _clouds(painter, rng)
    painter.hills(wave(rng, 62, 7, 6), (150, 206, 128), (136, 194, 112))
    painter.hills(wave(rng, 74, 6, 6), (134, 198, 100), (120, 186, 88))
    painter.hills(wave(rng, 84, 4, 6), (162, 214, 104), (112, 180, 76))
    for _ in range(26):
        x, y = rng.uniform(0, WIDTH), rng.uniform(90, 146)
        for dx in (-1.4, 0, 1.4):
            painter.line([(x, y), (x + dx, y - 4)], (96, 164, 70), 0.8)
    for _ in range(18):
        x, y = rng.uniform(0, WIDTH), rng.uniform(90, 144)
        painter.ellipse(x, y, 1.5, 1.5, (255, 250, 224), line=False)


def forest(painter: Painter, rng: np.random.Generator) -> None:
    painter.sky((164, 204, 182), (214, 228, 190))
    for depth, (base, high, color) in enumerate(
        ((70, 46, (134, 178, 150)), (78, 62, (88, 142, 112)), (86, 78, (48, 100, 78)))
    ):
        step = 17 + 4 * depth
        for x in np.arange(-10, WIDTH + 20, step).tolist():
            _pine(painter, float(x + rng.uniform(-4, 4)), base, high * float(rng.uniform(0.8, 1.1)), color)
    painter.hills(wave(rng, 84, 2.5, 8), (92, 126, 74), (62, 92, 56))
    for _ in range(20):
        left, low = rng.uniform(0, WIDTH), rng.uniform(92, 142)
        painter.ellipse(left, low, rng.uniform(2, 6), 1.1, (116, 148, 84), line=False)


def _pine(painter: Painter, x: float, base: float, high: float, color: RGB) -> None:
    painter.poly(
        [(x - 1.2, base + 6), (x - 1.2, base - 6), (x + 1.2, base - 6), (x + 1.2, base + 6)], (92, 70, 58), line=False
    )
    wide = high * 0.24
    for i in range(3):
        low = base - 3 - high * 0.27 * i
        w = wide * (1 - 0.25 * i)
        painter.poly([(x - w, low), (x, low - high * 0.42), (x + w, low)], mix(color, (255, 255, 220), 0.05 * i))


def mountains(painter: Painter, rng: np.random.Generator) -> None:
    painter.sky((136, 178, 226), (236, 232, 240))
    for layer, (base, color) in enumerate(((78, (156, 168, 204)), (86, (110, 124, 168)))):
        for x in (np.arange(-20, WIDTH + 40, 54 + 6 * layer) + 24 * layer).tolist():
            _peak(painter, float(x + rng.uniform(-10, 10)), base, float(rng.uniform(48, 66)) - 14 * layer, color)
    painter.hills(wave(rng, 82, 3, 7), (222, 232, 242), (186, 204, 226))
    painter.hills(wave(rng, 92, 3, 6), (238, 244, 250), (198, 214, 234))
    for _ in range(10):
        left, low = rng.uniform(0, WIDTH), rng.uniform(98, 140)
        painter.line([(left, low), (left + 10, low - 1.2), (left + 22, low)], (178, 198, 224), 0.9)


def _peak(painter: Painter, x: float, base: float, high: float, color: RGB) -> None:
    w = high * 0.72
    top = base - high
    painter.poly([(x - w, base + 10), (x, top), (x + w, base + 10)], color)
    painter.poly(
        [(x, top), (x + w, base + 10), (x + w * 0.1, base + 10), (x + w * 0.14, top + high * 0.5)],
        mix(color, (60, 60, 110), 0.22),
        line=False,
    )
    painter.poly(
        [
            (x, top),
            (x + w * 0.3, top + high * 0.33),
            (x + w * 0.12, top + high * 0.26),
            (x, top + high * 0.38),
            (x - w * 0.12, top + high * 0.26),
            (x - w * 0.3, top + high * 0.33),
        ],
        (250, 252, 255),
    )
