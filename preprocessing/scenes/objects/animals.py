"""Cat, fish, bird and butterfly."""

from __future__ import annotations

from preprocessing.scenes.objects.pen import BLUSH, CREAM, DARK, GOLD, INK, LIGHT, MAIN, WHITE, Pen


def cat(pen: Pen) -> None:
    pen.stroke([(70, 88), (88, 84), (93, 66), (84, 54)], 9, MAIN, bend=True)
    pen.curve([(32, 96), (28, 72), (40, 52), (60, 52), (74, 72), (72, 96)], MAIN)
    pen.curve([(42, 94), (43, 72), (50, 64), (57, 72), (58, 94)], LIGHT, line=False)
    pen.poly([(24, 36), (24, 6), (44, 20)], MAIN)
    pen.poly([(76, 36), (76, 6), (56, 20)], MAIN)
    pen.poly([(28, 26), (28, 14), (37, 21)], BLUSH, line=False)
    pen.poly([(72, 26), (72, 14), (63, 21)], BLUSH, line=False)
    pen.ellipse(50, 37, 27, 22)
    for x in (39, 61):
        pen.ellipse(x, 35, 5.2, 6.2, WHITE)
        pen.ellipse(x, 36, 2.8, 4.4, INK, line=False)
    pen.poly([(46, 44), (54, 44), (50, 48.5)], BLUSH, line=False)
    for dy in (-2, 3):
        pen.stroke([(34, 46 + dy / 2), (18, 46 + dy)], 1.4, INK, line=False)
        pen.stroke([(66, 46 + dy / 2), (82, 46 + dy)], 1.4, INK, line=False)
    pen.ellipse(40, 94, 8, 5)
    pen.ellipse(60, 94, 8, 5)


def fish(pen: Pen) -> None:
    pen.curve([(76, 50), (97, 26), (92, 50), (97, 74)], DARK)
    pen.curve([(34, 30), (52, 12), (66, 20), (64, 34)], DARK)
    pen.curve([(42, 70), (54, 86), (62, 70)], DARK)
    pen.curve([(4, 50), (22, 30), (48, 25), (70, 38), (82, 50), (70, 62), (48, 75), (22, 70)], MAIN)
    pen.curve([(48, 44), (62, 42), (58, 50), (62, 60), (48, 57)], LIGHT)
    pen.stroke([(33, 33), (38, 50), (33, 68)], 2.4, DARK, bend=True, line=False)
    pen.ellipse(20, 45, 5.8, role=WHITE)
    pen.ellipse(19, 45, 3, role=INK, line=False)


def bird(pen: Pen) -> None:
    pen.stroke([(46, 78), (44, 94), (38, 96)], 2.6, GOLD)
    pen.stroke([(56, 78), (56, 94), (50, 96)], 2.6, GOLD)
    pen.poly([(72, 54), (99, 44), (97, 58), (78, 70)], DARK)
    pen.poly([(19, 30), (2, 36), (19, 41)], GOLD)
    pen.curve(
        [(16, 34), (24, 18), (40, 16), (52, 32), (74, 48), (80, 64), (64, 80), (42, 80), (26, 66), (24, 48)], MAIN
    )
    pen.curve([(30, 60), (42, 62), (46, 76), (38, 75)], CREAM, line=False)
    pen.curve([(44, 44), (64, 50), (82, 66), (62, 72), (46, 62)], LIGHT)
    pen.ellipse(31, 30, 4.8, role=WHITE)
    pen.ellipse(30, 30, 2.8, role=INK, line=False)


def butterfly(pen: Pen) -> None:
    for side in (-1, 1):
        pen.stroke([(50, 26), (50 + side * 6, 12), (50 + side * 15, 7)], 2, INK, bend=True, line=False)
        pen.curve([(50 + side * x, y) for x, y in ((2, 52), (10, 58), (34, 62), (36, 80), (22, 92), (8, 76))], DARK)
        pen.curve([(50 + side * x, y) for x, y in ((2, 48), (12, 22), (34, 10), (47, 18), (44, 42), (26, 58))], MAIN)
        pen.ellipse(50 + side * 23, 75, 6, role=LIGHT)
    pen.curve([(50, 22), (54.5, 30), (54, 66), (50, 82), (46, 66), (45.5, 30)], INK)
    pen.ellipse(50, 25, 5.4, role=INK)
