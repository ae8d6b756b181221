"""Colours of the scenes: the ten object colours and arithmetic on RGB triples (0..255)."""

from __future__ import annotations

RGB = tuple[int, int, int]

OBJECT_COLORS: dict[str, RGB] = {
    "red": (218, 44, 48),
    "orange": (246, 130, 24),
    "yellow": (250, 208, 36),
    "green": (46, 160, 67),
    "blue": (36, 98, 216),
    "purple": (128, 58, 182),
    "pink": (248, 128, 178),
    "brown": (126, 76, 42),
    "white": (246, 246, 242),
    "black": (40, 40, 46),
}

# The second tone of stripes, dots and checks: of the same hue, far enough in lightness to be seen at 64 px.
PATTERN_COLORS: dict[str, RGB] = {
    "red": (255, 176, 166),
    "orange": (255, 214, 158),
    "yellow": (206, 146, 8),
    "green": (166, 226, 160),
    "blue": (156, 196, 255),
    "purple": (212, 172, 244),
    "pink": (206, 62, 128),
    "brown": (206, 160, 116),
    "white": (150, 158, 176),
    "black": (136, 138, 148),
}

INK: RGB = (38, 32, 40)
PAPER: RGB = (247, 238, 218)
BOARD: RGB = (38, 56, 62)
CHALK: RGB = (236, 238, 230)


def mix(first: RGB, second: RGB, amount: float) -> RGB:
    """`first` moved towards `second` by `amount` (0: first, 1: second)."""
    return (
        round(first[0] + (second[0] - first[0]) * amount),
        round(first[1] + (second[1] - first[1]) * amount),
        round(first[2] + (second[2] - first[2]) * amount),
    )


def scale(color: RGB, factor: float) -> RGB:
    """`color` times `factor`, clipped to 0..255."""
    return (
        max(0, min(255, round(color[0] * factor))),
        max(0, min(255, round(color[1] * factor))),
        max(0, min(255, round(color[2] * factor))),
    )
