"""The words of the scenes: kinds, colours, settings and their synonyms, and the attributes no caption ever mentions."""

from __future__ import annotations

from preprocessing.scenes.palette import OBJECT_COLORS

# Singular words for each kind; the first is its name in the metadata.
KIND_WORDS: dict[str, tuple[str, ...]] = {
    "boat": ("boat", "ship", "sailboat"),
    "car": ("car", "automobile"),
    "train": ("train", "locomotive"),
    "bicycle": ("bicycle", "bike"),
    "rocket": ("rocket", "spaceship"),
    "cat": ("cat", "kitten"),
    "fish": ("fish",),
    "bird": ("bird",),
    "butterfly": ("butterfly",),
    "tree": ("tree",),
    "flower": ("flower", "blossom"),
    "mushroom": ("mushroom", "toadstool"),
    "apple": ("apple",),
    "house": ("house", "cottage"),
    "umbrella": ("umbrella", "parasol"),
    "balloon": ("balloon",),
    "kite": ("kite",),
    "teapot": ("teapot", "kettle"),
    "cup": ("cup", "mug"),
    "lamp": ("lamp",),
    "guitar": ("guitar",),
    "clock": ("clock",),
    "chair": ("chair",),
    "key": ("key",),
}

COLOR_WORDS: dict[str, tuple[str, ...]] = {
    "red": ("red", "crimson", "scarlet"),
    "orange": ("orange", "tangerine"),
    "yellow": ("yellow", "lemon"),
    "green": ("green", "emerald"),
    "blue": ("blue", "azure"),
    "purple": ("purple", "violet"),
    "pink": ("pink", "rose"),
    "brown": ("brown", "chestnut"),
    "white": ("white", "ivory"),
    "black": ("black", "ebony"),
}

# Whole phrases: the first is the plainest; the nouns alone are for short captions such as "a boat, beach".
SETTING_PHRASES: dict[str, tuple[str, ...]] = {
    "beach": ("at the beach", "on the beach", "at the seaside", "by the sea", "on the shore"),
    "forest": ("in the forest", "in the woods", "in a forest", "among the pines"),
    "city": ("in the city", "in town", "in a city", "on the street", "downtown"),
    "desert": ("in the desert", "among the dunes", "in a desert", "on the sand dunes"),
    "mountains": ("in the mountains", "among the peaks", "near the mountains", "in the alps"),
    "meadow": ("in a meadow", "in the meadow", "on the grass", "in a field", "on green hills"),
    "underwater": ("underwater", "under the sea", "at the bottom of the sea", "under water"),
    "space": ("in space", "in outer space", "among the planets", "on the moon"),
    "room": ("in a room", "in the room", "indoors", "inside a house", "at home"),
}

SETTING_NOUNS: dict[str, tuple[str, ...]] = {
    "beach": ("beach", "seaside"),
    "forest": ("forest", "woods"),
    "city": ("city", "town"),
    "desert": ("desert", "dunes"),
    "mountains": ("mountains", "alps"),
    "meadow": ("meadow", "field"),
    "underwater": ("underwater", "under the sea"),
    "space": ("space", "outer space"),
    "room": ("room", "indoors"),
}

SIZE_WORDS: dict[str, tuple[str, ...]] = {
    "small": ("small", "little", "tiny"),
    "large": ("large", "big", "huge"),
}

POSITION_PHRASES: dict[str, tuple[str, ...]] = {
    "left": ("on the left", "to the left"),
    "centre": ("in the middle", "in the centre"),
    "right": ("on the right", "to the right"),
}

COUNT_WORDS: dict[int, tuple[str, ...]] = {
    1: ("a", "one", "a single"),
    2: ("two", "a pair of", "2"),
    3: ("three", "3"),
    4: ("four", "4"),
    5: ("five", "5"),
}

IRREGULAR_PLURALS: dict[str, str] = {"fish": "fish", "butterfly": "butterflies"}

KINDS: tuple[str, ...] = tuple(KIND_WORDS)
COLORS: tuple[str, ...] = tuple(OBJECT_COLORS)
SETTINGS: tuple[str, ...] = tuple(SETTING_PHRASES)
SIZES: tuple[str, ...] = tuple(SIZE_WORDS)
POSITIONS: tuple[str, ...] = tuple(POSITION_PHRASES)

STYLES: tuple[str, ...] = ("flat", "ink", "watercolour", "pixel", "chalk")

# Visible in the picture, never in a caption: words cannot find them, labels can.
HIDDEN: dict[str, tuple[str, ...]] = {
    "style": STYLES,
    "tilt": ("level", "tilted"),
    "frame": ("none", "mat", "film", "polaroid"),
    "pattern": ("plain", "stripes", "dots", "checks"),
    "lighting": ("daylight", "sunset", "moonlight"),
    "weather": ("clear", "rain", "snow"),
}

# How often each value is drawn; unadorned values are more frequent, so that a page of scenes stays calm.
HIDDEN_WEIGHTS: dict[str, tuple[float, ...]] = {
    "style": (0.2, 0.2, 0.2, 0.2, 0.2),
    "tilt": (0.7, 0.3),
    "frame": (0.4, 0.2, 0.2, 0.2),
    "pattern": (0.34, 0.22, 0.22, 0.22),
    "lighting": (0.44, 0.28, 0.28),
    "weather": (0.6, 0.2, 0.2),
}

# Words that would give a hidden attribute away; tests hold captions free of all of them.
HIDDEN_WORDS: frozenset[str] = frozenset(
    [
        "flat",
        "ink",
        "inked",
        "outline",
        "outlined",
        "drawn",
        "drawing",
        "sketch",
        "hatched",
        "watercolour",
        "watercolor",
        "painted",
        "painting",
        "pixel",
        "pixels",
        "pixelated",
        "8-bit",
        "chalk",
        "chalkboard",
        "blackboard",
        "blueprint",
        "style",
        "level",
        "tilt",
        "tilted",
        "slanted",
        "crooked",
        "frame",
        "framed",
        "border",
        "mat",
        "film",
        "polaroid",
        "plain",
        "stripes",
        "striped",
        "stripe",
        "dots",
        "dotted",
        "spotted",
        "polka",
        "checks",
        "checked",
        "chequered",
        "checkered",
        "patterned",
        "pattern",
        "daylight",
        "sunset",
        "sundown",
        "dusk",
        "evening",
        "warm",
        "moonlight",
        "moonlit",
        "night",
        "cool",
        "lit",
        "light",
        "lighting",
        "weather",
        "clear",
        "rain",
        "raining",
        "rainy",
        "snow",
        "snowing",
        "snowy",
        "snowfall",
    ]
)


def plural(word: str) -> str:
    """The plural of a kind's word: "boats", "fish", "butterflies"."""
    if word in IRREGULAR_PLURALS:
        return IRREGULAR_PLURALS[word]
    return word + ("es" if word.endswith(("s", "sh", "ch", "x")) else "s")
