"""Tree, flower, mushroom and apple: what grows."""

from __future__ import annotations

import math

from preprocessing.scenes.objects.pen import CREAM, DARK, GOLD, INK, LEAF, LIGHT, MAIN, WHITE, WOOD, Pen


def tree(pen: Pen) -> None:
    pen.poly([(43, 98), (46, 60), (54, 60), (57, 98)], WOOD)
    pen.stroke([(50, 70), (38, 56)], 4, WOOD)
    pen.stroke([(50, 74), (63, 58)], 4, WOOD)
    pen.curve(
        [
            (50, 3),
            (68, 9),
            (76, 22),
            (90, 32),
            (90, 50),
            (76, 64),
            (50, 62),
            (26, 64),
            (10, 50),
            (10, 34),
            (24, 22),
            (32, 9),
        ],
        MAIN,
    )
    for x, y, r in ((34, 24, 7), (64, 40, 8), (30, 48, 6)):
        pen.ellipse(x, y, r * 1.3, r * 0.8, LIGHT, line=False)
    for x, y in ((54, 20), (44, 38), (74, 50), (58, 54)):
        pen.ellipse(x, y, 5, 2.8, DARK, line=False)


def flower(pen: Pen) -> None:
    pen.stroke([(50, 46), (48, 72), (51, 98)], 4.5, LEAF, bend=True)
    pen.curve([(50, 84), (66, 66), (82, 66), (72, 82)], LEAF)
    pen.curve([(49, 90), (34, 74), (18, 76), (28, 90)], LEAF)
    for i in range(6):
        a = math.radians(60 * i + 30)
        pen.ellipse(50 + 19 * math.cos(a), 32 + 19 * math.sin(a), 12.6, role=MAIN)
    pen.ellipse(50, 32, 12, role=GOLD)
    pen.ellipse(47, 29, 4, role=CREAM, line=False)


def mushroom(pen: Pen) -> None:
    pen.curve([(40, 52), (60, 52), (62, 80), (70, 97), (30, 97), (38, 80)], CREAM)
    pen.curve([(4, 56), (10, 30), (34, 8), (66, 8), (90, 30), (96, 56), (76, 62), (50, 58), (24, 62)], MAIN)
    for x, y, r in ((28, 32, 7), (52, 20, 6), (72, 34, 8), (50, 46, 6), (16, 50, 4.5), (84, 52, 4.5)):
        pen.ellipse(x, y, r, r * 0.9, WHITE)


def apple(pen: Pen) -> None:
    pen.curve(
        [
            (50, 26),
            (66, 18),
            (86, 28),
            (90, 54),
            (76, 88),
            (60, 95),
            (50, 91),
            (40, 95),
            (24, 88),
            (10, 54),
            (14, 28),
            (34, 18),
        ]
    )
    pen.curve([(22, 36), (30, 28), (33, 33), (25, 52), (20, 50)], LIGHT, line=False)
    pen.curve([(42, 27), (50, 33), (58, 27), (50, 29)], DARK, line=False)
    pen.stroke([(50, 30), (49, 16), (44, 6)], 4, WOOD, bend=True)
    pen.curve([(52, 18), (64, 4), (84, 6), (72, 19)], LEAF)
    pen.stroke([(56, 16), (78, 9)], 1.4, INK, line=False)
