"""House, umbrella, lamp, guitar, clock and chair: larger things."""

from __future__ import annotations

import math

from preprocessing.scenes.objects.pen import (
    CREAM,
    DARK,
    GLASS,
    GOLD,
    INK,
    LIGHT,
    MAIN,
    METAL,
    WOOD,
    Pen,
    oval,
)


def house(pen: Pen) -> None:
    pen.rect(68, 12, 80, 36, DARK)
    pen.rect(66, 8, 82, 15, INK)
    pen.rect(14, 42, 86, 97, MAIN)
    pen.poly([(50, 6), (97, 46), (91, 52), (9, 52), (3, 46)], DARK)
    pen.ellipse(50, 34, 7, role=GLASS)
    pen.rect(40, 66, 60, 97, WOOD, radius=3)
    pen.ellipse(56, 83, 2, role=GOLD, line=False)
    for x in (19, 66):
        pen.rect(x, 60, x + 15, 78, CREAM)
        pen.rect(x + 2, 62, x + 13, 76, GLASS, line=False)
        pen.stroke([(x + 7.5, 61), (x + 7.5, 77)], 1.6, CREAM, line=False)
        pen.stroke([(x + 1, 69), (x + 14, 69)], 1.6, CREAM, line=False)


def umbrella(pen: Pen) -> None:
    pen.stroke([(50, 40), (50, 86), (56, 95), (65, 92), (67, 84)], 4.5, WOOD, bend=True)
    pen.stroke([(50, 3), (50, 14)], 3.5, WOOD)
    scallops = [p for i in range(4) for p in oval(14.5 + 23.7 * i, 54, 11.8, 7, 180, 360)]
    pen.poly([*oval(50, 54, 47.3, 44, 180, 360), *reversed(scallops)], MAIN)
    pen.curve([(26, 51), (34, 22), (50, 10), (40, 28), (38, 48)], LIGHT, line=False)
    for x in (26.4, 50, 73.6):
        pen.stroke([(50, 11), (50 + (x - 50) * 0.8, 28), (x, 53)], 1.6, DARK, bend=True, line=False)


def lamp(pen: Pen) -> None:
    pen.stroke([(50, 46), (50, 92)], 5, METAL)
    pen.ellipse(50, 70, 9, 8, MAIN)
    pen.curve([(26, 97), (34, 90), (50, 87), (66, 90), (74, 97), (50, 99)], MAIN)
    pen.ellipse(50, 51, 7, 6, GOLD)
    pen.poly([(32, 6), (68, 6), (90, 50), (10, 50)], MAIN)
    pen.poly([(13, 44), (87, 44), (90, 50), (10, 50)], DARK, line=False)
    pen.poly([(33, 6), (67, 6), (69, 11), (31, 11)], DARK, line=False)
    pen.stroke([(74, 50), (74, 66)], 1.6, INK, line=False)
    pen.ellipse(74, 67, 2.6, role=GOLD, line=False)


def guitar(pen: Pen) -> None:
    pen.poly([(45, 58), (46, 14), (54, 14), (55, 58)], WOOD)
    pen.poly([(42, 3), (58, 3), (56, 16), (44, 16)], INK)
    for y in (6, 12):
        pen.ellipse(40, y, 2.4, role=METAL)
        pen.ellipse(60, y, 2.4, role=METAL)
    pen.curve(
        [
            (50, 38),
            (68, 40),
            (70, 54),
            (67, 62),
            (82, 76),
            (74, 95),
            (50, 98),
            (26, 95),
            (18, 76),
            (33, 62),
            (30, 54),
            (32, 40),
        ]
    )
    pen.ellipse(50, 62, 9.5, role=CREAM)
    pen.ellipse(50, 62, 7, role=INK, line=False)
    pen.rect(38, 82, 62, 87, WOOD, radius=2)
    for x in (48, 52):
        pen.stroke([(x, 14), (x, 84)], 0.9, CREAM, line=False)


def clock(pen: Pen) -> None:
    pen.stroke([(30, 86), (22, 97)], 6, DARK)
    pen.stroke([(70, 86), (78, 97)], 6, DARK)
    pen.stroke([(50, 16), (50, 6)], 4, METAL)
    pen.curve([(14, 28), (16, 12), (32, 8), (38, 15)], DARK)
    pen.curve([(86, 28), (84, 12), (68, 8), (62, 15)], DARK)
    pen.ellipse(50, 54, 42, role=MAIN)
    pen.ellipse(50, 54, 27, role=CREAM)
    for i in range(12):
        a = math.radians(30 * i)
        pen.ellipse(50 + 22.5 * math.cos(a), 54 + 22.5 * math.sin(a), 2.4 if i % 3 == 0 else 1.2, role=INK, line=False)
    pen.stroke([(50, 54), (50, 37)], 3.4, INK, line=False)
    pen.stroke([(50, 54), (62, 60)], 3.4, INK, line=False)
    pen.ellipse(50, 54, 3.2, role=GOLD, line=False)


def chair(pen: Pen) -> None:
    for x0, x1 in ((30, 27), (70, 73)):
        pen.stroke([(x0, 64), (x1, 84)], 5, DARK)
    pen.rect(24, 3, 76, 52, MAIN, radius=9)
    pen.rect(34, 13, 66, 46, LIGHT, radius=6)
    pen.ellipse(50, 30, 3, role=DARK, line=False)
    for x0, x1 in ((20, 14), (80, 86)):
        pen.stroke([(x0, 66), (x1, 96)], 6.5, WOOD)
    pen.poly([(22, 52), (78, 52), (90, 70), (10, 70)], MAIN)
    pen.poly([(10, 69), (90, 69), (89, 76), (11, 76)], DARK)
