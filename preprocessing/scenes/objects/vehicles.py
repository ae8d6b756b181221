"""Boat, car, train, bicycle, rocket, balloon and kite: what moves."""

from __future__ import annotations

from preprocessing.scenes.objects.pen import (
    CREAM,
    DARK,
    GLASS,
    GOLD,
    INK,
    LIGHT,
    MAIN,
    METAL,
    TYRE,
    WHITE,
    WOOD,
    Pen,
    oval,
)


def boat(pen: Pen) -> None:
    pen.stroke([(50, 6), (50, 72)], 3.5, WOOD)
    pen.poly([(53, 10), (53, 62), (90, 62)], WHITE)
    pen.poly([(47, 18), (47, 62), (16, 62)], MAIN)
    pen.poly([(50, 3), (50, 12), (66, 8)], MAIN)
    pen.curve([(4, 70), (50, 72), (97, 69), (84, 92), (50, 95), (18, 92)], MAIN)
    pen.poly([(7, 74), (94, 74), (92, 79), (9, 79)], DARK, line=False)
    for x in (32, 50, 68):
        pen.ellipse(x, 85, 3.6, role=WHITE)


def car(pen: Pen) -> None:
    pen.curve([(20, 58), (30, 34), (48, 28), (66, 31), (80, 56)], MAIN)
    pen.curve([(3, 62), (14, 54), (40, 51), (80, 52), (97, 62), (97, 80), (50, 82), (4, 80)], MAIN)
    pen.poly([(27, 53), (35, 37), (48, 34), (48, 53)], GLASS)
    pen.poly([(53, 34), (64, 37), (73, 53), (53, 53)], GLASS)
    pen.rect(4, 72, 96, 77, DARK, line=False)
    pen.ellipse(93, 64, 4, role=GOLD)
    pen.rect(54, 60, 62, 63, INK, line=False)
    for x in (25, 75):
        pen.ellipse(x, 80, 13, role=TYRE)
        pen.ellipse(x, 80, 6.5, role=METAL)


def train(pen: Pen) -> None:
    pen.rect(54, 18, 95, 76, MAIN, radius=3)
    pen.rect(50, 12, 99, 21, DARK, radius=4)
    pen.rect(8, 42, 56, 76, MAIN, radius=12)
    pen.poly([(16, 44), (13, 22), (33, 22), (30, 44)], DARK)
    pen.rect(10, 16, 36, 24, GOLD, radius=3)
    pen.ellipse(43, 42, 7, role=GOLD)
    pen.rect(62, 28, 87, 48, GLASS, radius=3)
    pen.poly([(2, 88), (16, 70), (16, 88)], METAL)
    pen.rect(10, 72, 95, 79, INK)
    for x, r in ((25, 10), (49, 10), (79, 14)):
        pen.ellipse(x, 96 - r, r, role=TYRE)
        pen.ellipse(x, 96 - r, r * 0.45, role=GOLD)


def bicycle(pen: Pen) -> None:
    for x in (22, 78):
        pen.ring(x, 68, 19, 5, TYRE)
        for a in range(0, 180, 45):
            spoke = oval(x, 68, 17, 17, a, a + 180)
            pen.stroke([spoke[0], spoke[-1]], 1.2, METAL, line=False)
    pen.stroke([(22, 68), (38, 38), (66, 38), (46, 68), (22, 68)], 7.5, MAIN)
    pen.stroke([(34, 30), (46, 68)], 7.5, MAIN)
    pen.stroke([(78, 68), (64, 26)], 7.5, MAIN)
    pen.stroke([(56, 22), (66, 24), (76, 20)], 5, INK, bend=True)
    pen.rect(24, 25, 44, 32, INK, radius=3.5)
    pen.poly([(70, 28), (96, 28), (91, 46), (75, 46)], MAIN)
    pen.ellipse(46, 68, 6, role=METAL)


def rocket(pen: Pen) -> None:
    pen.curve([(40, 80), (60, 80), (58, 90), (50, 99), (42, 90)], GOLD)
    pen.curve([(34, 58), (14, 76), (14, 92), (36, 80)], DARK)
    pen.curve([(66, 58), (86, 76), (86, 92), (64, 80)], DARK)
    pen.curve([(50, 2), (66, 22), (72, 48), (65, 82), (35, 82), (28, 48), (34, 22)], MAIN)
    pen.curve([(50, 2), (62, 15), (64, 24), (50, 27), (36, 24), (38, 15)], WHITE)
    pen.ellipse(50, 44, 11, role=METAL)
    pen.ellipse(50, 44, 7.5, role=GLASS)
    pen.rect(46, 66, 54, 88, DARK, radius=4)


def balloon(pen: Pen) -> None:
    pen.stroke([(50, 74), (46, 82), (53, 90), (49, 99)], 1.8, INK, bend=True, line=False)
    pen.curve([(50, 2), (76, 12), (84, 38), (68, 62), (50, 72), (32, 62), (16, 38), (24, 12)], MAIN)
    pen.poly([(44, 77), (50, 70), (56, 77)], DARK)
    pen.curve([(30, 22), (38, 14), (40, 18), (34, 32), (29, 34)], LIGHT, line=False)


def kite(pen: Pen) -> None:
    tail = [(50, 66), (42, 74), (52, 82), (44, 90), (50, 98)]
    pen.stroke(tail, 1.8, INK, bend=True, line=False)
    for x, y in tail[1:4]:
        pen.poly([(x - 9, y - 4), (x, y), (x - 9, y + 4)], MAIN)
        pen.poly([(x + 9, y - 4), (x, y), (x + 9, y + 4)], MAIN)
    pen.poly([(50, 2), (84, 30), (50, 68), (16, 30)], MAIN)
    pen.poly([(50, 2), (84, 30), (50, 30)], LIGHT, line=False)
    pen.poly([(50, 68), (16, 30), (50, 30)], DARK, line=False)
    pen.stroke([(50, 3), (50, 67)], 2.2, CREAM, line=False)
    pen.stroke([(17, 30), (83, 30)], 2.2, CREAM, line=False)
