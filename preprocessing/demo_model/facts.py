"""What is true of scenes, as arrays, and short queries that can be checked against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from preprocessing.scenes import COLORS, HIDDEN, KINDS, SETTINGS, Scene, ground_truth
from preprocessing.scenes.vocabulary import COLOR_WORDS, KIND_WORDS, SETTING_PHRASES, plural

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SceneFacts:
    """Ground truth of n scenes.

    Attributes
    ----------
    objects : bool (n, kinds, colours), True where the scene shows an object of that kind in that colour.
    setting : int64 (n,), index into SETTINGS.
    main_kind, main_color : int64 (n,), indices into KINDS and COLORS.
    hidden : int64 (n, attributes), indices into the values of HIDDEN, in its order.
    """

    objects: BoolArray
    setting: npt.NDArray[np.int64]
    main_kind: npt.NDArray[np.int64]
    main_color: npt.NDArray[np.int64]
    hidden: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.setting)

    def take(self, rows: npt.NDArray[np.int64]) -> SceneFacts:
        return SceneFacts(**{name: values[rows] for name, values in vars(self).items()})

    @property
    def kinds(self) -> BoolArray:
        """bool (n, kinds)"""
        return np.asarray(self.objects.any(axis=2))

    @property
    def colors(self) -> BoolArray:
        """bool (n, colours)"""
        return np.asarray(self.objects.any(axis=1))

    def objects_with_any(self) -> BoolArray:
        """bool (n, kinds + 1, colours + 1): ``objects``, a last row "of any kind", a last column "in any colour"."""
        with_kind = np.concatenate([self.objects, self.colors[:, None, :]], axis=1)
        return np.concatenate([with_kind, np.asarray(with_kind.any(axis=2))[:, :, None]], axis=2)


def collect_facts(scenes: Sequence[Scene]) -> SceneFacts:
    """The facts of ``scenes``, in their order."""
    objects = np.zeros((len(scenes), len(KINDS), len(COLORS)), dtype=bool)
    single = {name: np.zeros(len(scenes), dtype=np.int64) for name in ("setting", "main_kind", "main_color")}
    hidden = np.zeros((len(scenes), len(HIDDEN)), dtype=np.int64)
    for row, scene in enumerate(scenes):
        truth = ground_truth(scene)
        for place in ("", "second_", "third_"):
            kind, color = truth[f"{place}kind"], truth[f"{place}color"]
            if kind:
                objects[row, KINDS.index(str(kind)), COLORS.index(str(color))] = True
        single["setting"][row] = SETTINGS.index(str(truth["setting"]))
        single["main_kind"][row] = KINDS.index(str(truth["kind"]))
        single["main_color"][row] = COLORS.index(str(truth["color"]))
        hidden[row] = [values.index(str(truth[name])) for name, values in HIDDEN.items()]
    return SceneFacts(objects=objects, hidden=hidden, **single)


@dataclass(frozen=True)
class Query:
    """A short text and what it asks for: indices into KINDS, COLORS and SETTINGS, or None.

    ``color`` belongs to ``kind`` where both are given; ``second`` is another kind in the same scene.
    """

    text: str
    kind: int | None = None
    color: int | None = None
    setting: int | None = None
    second: int | None = None

    @property
    def attributes(self) -> int:
        return sum(part is not None for part in (self.kind, self.color, self.setting, self.second))

    def matches(self, facts: SceneFacts) -> BoolArray:
        """bool (n,): the scenes that the query is true of, by any of their objects."""
        true = np.ones(len(facts), dtype=bool)
        if self.kind is not None and self.color is not None:
            true &= facts.objects[:, self.kind, self.color]
        elif self.kind is not None:
            true &= facts.kinds[:, self.kind]
        elif self.color is not None:
            true &= facts.colors[:, self.color]
        if self.second is not None:
            true &= facts.kinds[:, self.second]
        if self.setting is not None:
            true &= facts.setting == self.setting
        return true


def packed(query: Query) -> tuple[int, int, int, int]:
    """kind, color, setting and second of a query, -1 where it asks for none."""
    parts = (query.kind, query.color, query.setting, query.second)
    return tuple(-1 if part is None else part for part in parts)  # type: ignore[return-value]


def truth_of(queries: npt.NDArray[np.int64], facts: SceneFacts) -> npt.NDArray[np.float32]:
    """float32 (scenes, queries): 1 where a query, packed as a row of (kind, color, setting, second), is true.

    The same as :meth:`Query.matches`, for all queries at once.
    """
    # Index -1 asks for nothing: of any kind, in any colour.
    objects = facts.objects_with_any()
    kinds = objects[:, :, -1]
    kind, color, setting, second = queries.T
    true = objects[:, kind, color] & kinds[:, second] & ((facts.setting[:, None] == setting) | (setting < 0))
    return np.asarray(true, dtype=np.float32)


def random_query(facts: SceneFacts, row: int, generator: np.random.Generator) -> Query:
    """A query that is true of scene ``row``, in random words: one attribute, two, or three."""
    kind, color = _pick_object(facts.objects[row], generator)
    setting = int(facts.setting[row])
    others = [int(k) for k in np.flatnonzero(facts.kinds[row]) if k != kind]
    draw = generator.random()
    if draw < 0.22:
        parts: dict[str, int] = {"kind": kind}
    elif draw < 0.34:
        parts = {"color": color}
    elif draw < 0.46:
        parts = {"setting": setting}
    elif draw < 0.72 or (draw < 0.8 and not others):
        parts = {"kind": kind, "color": color}
    elif draw < 0.8:
        parts = {"kind": kind, "second": others[int(generator.integers(len(others)))]}
    elif draw < 0.92:
        parts = {"kind": kind, "setting": setting}
    elif draw < 0.96:
        parts = {"color": color, "setting": setting}
    else:
        parts = {"kind": kind, "color": color, "setting": setting}
    return Query(text=phrase(generator=generator, **parts), **parts)


def phrase(
    generator: np.random.Generator,
    kind: int | None = None,
    color: int | None = None,
    setting: int | None = None,
    second: int | None = None,
) -> str:
    """Words for the given attributes, as people type them into a search box."""

    def pick(words: Sequence[str]) -> str:
        return words[int(generator.integers(len(words)))]

    hue = pick(COLOR_WORDS[COLORS[color]]) if color is not None else ""
    if kind is not None:
        noun = pick(KIND_WORDS[KINDS[kind]])
        named = f"{hue} {noun}".strip()
        styles = [named, with_article(named), f"{hue} {plural(noun)}".strip()]
        if color is not None:
            styles += [f"a {noun} that is {hue}", f"{noun}, {hue}", f"the {named}"]
        text = pick(styles)
    elif color is not None:
        text = pick(
            [hue, f"something {hue}", with_article(f"{hue} object"), with_article(f"{hue} thing"), f"{hue} things"]
        )
    else:
        text = ""
    if second is not None:
        noun = pick(KIND_WORDS[KINDS[second]])
        text += pick([" and ", " with ", ", ", " next to ", " beside "]) + pick([noun, with_article(noun), noun])
    if setting is not None:
        where = pick(SETTING_PHRASES[SETTINGS[setting]])
        bare = pick(SETTING_WORDS[SETTINGS[setting]])
        if text:
            text += pick([f" {where}", f" {where}", f", {bare}"])
        else:
            text = pick([where, bare, f"something {where}", with_article(f"{bare} scene")])
    return pick(PREFIXES) + text


PREFIXES = (
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "a photo of ",
    "a picture of ",
    "an image of ",
    "photo of ",
    "picture with ",
    "find ",
)

# Bare words for a setting, beside the phrases of the captions.
SETTING_WORDS: dict[str, tuple[str, ...]] = {
    "beach": ("beach", "seaside", "shore"),
    "forest": ("forest", "woods"),
    "city": ("city", "town", "street"),
    "desert": ("desert", "dunes"),
    "mountains": ("mountains", "mountain", "alps"),
    "meadow": ("meadow", "field", "grass"),
    "underwater": ("underwater", "under the sea", "under water"),
    "space": ("space", "outer space", "moon"),
    "room": ("room", "indoors"),
}


def with_article(words: str) -> str:
    """``words`` behind "a" or "an", by their first letter."""
    return ("an " if words[0] in "aeiou" else "a ") + words


def _pick_object(objects: BoolArray, generator: np.random.Generator) -> tuple[int, int]:
    pairs = np.argwhere(objects)
    kind, color = pairs[int(generator.integers(len(pairs)))]
    return int(kind), int(color)


def phrase_book() -> list[str]:
    """Texts that together hold every word that :func:`phrase` can use."""
    words = [
        word
        for table in (KIND_WORDS, COLOR_WORDS, SETTING_PHRASES, SETTING_WORDS)
        for w in table.values()
        for word in w
    ]
    plurals = [plural(word) for options in KIND_WORDS.values() for word in options]
    return [
        *words,
        *plurals,
        *PREFIXES,
        "a an the something object thing things scene that is , and with next to beside",
    ]
