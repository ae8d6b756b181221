"""Teapot, cup and key: small things."""

from __future__ import annotations

from preprocessing.scenes.objects.pen import CREAM, DARK, EMPTY, GOLD, LIGHT, MAIN, WOOD, Pen


def teapot(pen: Pen) -> None:
    pen.stroke([(76, 44), (94, 42), (95, 62), (76, 74)], 6.5, DARK, bend=True)
    pen.curve([(30, 76), (14, 60), (3, 36), (12, 34), (22, 44), (32, 50)], MAIN)
    pen.curve([(50, 30), (74, 38), (82, 60), (70, 86), (50, 91), (30, 86), (18, 60), (26, 38)], MAIN)
    pen.rect(34, 87, 66, 95, DARK, radius=3)
    pen.curve([(30, 34), (38, 24), (50, 20), (62, 24), (70, 34), (50, 38)], DARK)
    pen.ellipse(50, 16, 5.4, role=GOLD)
    pen.curve([(29, 52), (35, 43), (37, 48), (32, 66), (28, 64)], LIGHT, line=False)


def cup(pen: Pen) -> None:
    for x in (34, 52):
        pen.stroke([(x, 24), (x + 5, 17), (x - 2, 10), (x + 3, 3)], 2.6, CREAM, bend=True, line=False)
    pen.stroke([(72, 46), (92, 44), (92, 66), (70, 74)], 7, DARK, bend=True)
    pen.curve([(6, 90), (44, 86), (84, 90), (64, 97), (26, 97)], DARK)
    pen.poly([(12, 36), (78, 36), (74, 72), (62, 90), (28, 90), (16, 72)], MAIN)
    pen.ellipse(45, 36, 33, 8, LIGHT)
    pen.ellipse(45, 37, 27, 5, WOOD, line=False)


def key(pen: Pen) -> None:
    pen.poly([(62, 72), (86, 72), (86, 83), (62, 83)], MAIN)
    pen.poly([(62, 86), (80, 86), (80, 97), (62, 97)], MAIN)
    pen.rect(42, 46, 63, 98, MAIN, radius=2)
    pen.rect(37, 48, 68, 56, DARK, radius=3)
    for x, y in ((32, 28), (72, 28), (52, 17)):
        pen.ellipse(x, y, 16, 15)
    pen.curve([(52, 2), (72, 12), (80, 28), (68, 46), (52, 50), (36, 46), (24, 28), (32, 12)], MAIN, line=False)
    for x, y in ((36, 29), (68, 29), (52, 17)):
        pen.ellipse(x, y, 6.5, role=EMPTY)
