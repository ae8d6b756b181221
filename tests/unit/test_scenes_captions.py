"""Captions taken apart word by word: what they say is true of the right object, and nothing hidden is said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from preprocessing.scenes import (
    COLOR_WORDS,
    COUNT_WORDS,
    HIDDEN,
    HIDDEN_WORDS,
    KIND_WORDS,
    SETTING_NOUNS,
    SETTING_PHRASES,
    TRAINING_SEEDS_START,
    Scene,
    caption,
    plural,
    sample_scene,
)
from preprocessing.scenes.vocabulary import POSITION_PHRASES, SIZE_WORDS

PREFIX = re.compile(r"^(a picture of|an image of|a scene with|there is|there are) ")
JOINT = re.compile(r" (?:and|with|next to|beside|near) ")


@dataclass(frozen=True)
class Said:
    """One object as a caption names it; None is what the caption leaves open."""

    kind: str
    many: bool | None
    count: int | None
    size: str | None
    color: str | None


def meaning(table: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Each word of a table and what it stands for; a word that stands for two things would be of no use."""
    words = [(word, name) for name, group in table.items() for word in group]
    assert len({word for word, _ in words}) == len(words)
    return dict(words)


COLOR_OF, SIZE_OF = meaning(COLOR_WORDS), meaning(SIZE_WORDS)
KIND_OF = meaning(KIND_WORDS)
SINGULARS, PLURALS = set(KIND_OF), {plural(word) for word in KIND_OF}
KIND_OF |= {plural(word): kind for word, kind in KIND_OF.items()}
PLACE_OF = meaning(
    {name: (*SETTING_PHRASES[name], *(f", {n}" for n in SETTING_NOUNS[name])) for name in SETTING_PHRASES}
)
POSITION_OF = meaning(POSITION_PHRASES)
COUNT_OF = {word: count for count, words in COUNT_WORDS.items() for word in words} | {"an": 1}


def one_of(words: dict[str, str] | dict[str, int]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


GROUP = re.compile(
    rf"(?:(?P<count>{one_of(COUNT_OF)}) )?(?:(?P<size>{one_of(SIZE_OF)}) )?"
    rf"(?:(?P<color>{one_of(COLOR_OF)}) )?(?P<kind>{one_of(KIND_OF)})"
)


def ending(text: str, words: dict[str, str]) -> tuple[str, str | None]:
    """The text without the phrase at its end, and what that phrase stands for."""
    for phrase in sorted(words, key=len, reverse=True):
        end = phrase if phrase.startswith(",") else f" {phrase}"
        if text.endswith(end):
            return text.removesuffix(end), words[phrase]
    return text, None


def parsed(text: str) -> tuple[list[Said], str | None, str | None]:
    """The objects, the setting and the position that a caption names; fails on any word it does not know."""
    setting = None
    for phrase, name in PLACE_OF.items():
        if text.startswith(f"{phrase}, "):
            text, setting = text.removeprefix(f"{phrase}, "), name
    if setting is None:
        text, setting = ending(text, PLACE_OF)
    text, position = ending(text, POSITION_OF)
    groups = []
    for part in JOINT.split(PREFIX.sub("", text)):
        match = GROUP.fullmatch(part)
        assert match is not None, f"{part!r} in {text!r}"
        noun = match["kind"]
        groups.append(
            Said(
                kind=KIND_OF[noun],
                many=None if noun in SINGULARS & PLURALS else noun in PLURALS,
                count=COUNT_OF.get(match["count"]),
                size=SIZE_OF.get(match["size"]),
                color=COLOR_OF.get(match["color"]),
            )
        )
    return groups, setting, position


@pytest.fixture(scope="module")
def captions() -> list[tuple[Scene, str]]:
    """8,000 captions of 4,000 scenes."""
    rng = np.random.default_rng(17)
    scenes = [sample_scene(TRAINING_SEEDS_START + number) for number in range(4_000)]
    return [(scene, caption(scene, rng)) for scene in scenes for _ in range(2)]


def objects(scene: Scene) -> Iterator[tuple[str, str, int, str | None]]:
    """Kind, colour, count and size of each object; only the main one has a size that captions may say."""
    yield scene.kind, scene.color, scene.count, scene.size
    for kind, color in ((scene.second_kind, scene.second_color), (scene.third_kind, scene.third_color)):
        if kind is not None and color is not None:
            yield kind, color, 1, None


def test_the_same_state_of_the_generator_gives_the_same_caption() -> None:
    for seed in range(100):
        scene = sample_scene(seed)
        one, other = np.random.default_rng(seed), np.random.default_rng(seed)
        assert [caption(scene, one) for _ in range(5)] == [caption(scene, other) for _ in range(5)]
    scene = sample_scene(3)
    assert len({caption(scene, np.random.default_rng(state)) for state in range(200)}) > 50


def test_every_object_has_its_own_colour_count_and_size(captions: list[tuple[Scene, str]]) -> None:
    for scene, text in captions:
        present = {kind: (color, count, size) for kind, color, count, size in objects(scene)}
        said, _, _ = parsed(text)
        assert scene.kind in {item.kind for item in said}, text
        assert len({item.kind for item in said}) == len(said), text
        for item in said:
            assert item.kind in present, text
            color, count, size = present[item.kind]
            assert item.color in (None, color), text
            assert item.count in (None, count), text
            assert item.many in (None, count > 1), text
            assert item.size in (None, size), text


def test_settings_and_positions_are_those_of_the_scene(captions: list[tuple[Scene, str]]) -> None:
    for scene, text in captions:
        _, setting, position = parsed(text)
        assert setting in (None, scene.setting), text
        assert position in (None, scene.position), text


def test_all_that_can_be_said_is_said_often_and_left_out_often(captions: list[tuple[Scene, str]]) -> None:
    heard: Counter[str] = Counter()
    for scene, text in captions:
        said, setting, position = parsed(text)
        main = next(item for item in said if item.kind == scene.kind)
        parts = {"color": main.color, "size": main.size, "count": main.count, "setting": setting, "position": position}
        heard.update(name for name, value in parts.items() if value is not None)
        heard.update(("second",) if scene.second_kind in {item.kind for item in said} else ())
        heard.update(("third",) if scene.third_kind in {item.kind for item in said} else ())
        heard.update(("led by another",) if said[0].kind != scene.kind else ())
    shares = {name: heard[name] / len(captions) for name in heard}
    for name in ("color", "count", "setting"):
        assert 0.5 < shares[name] < 0.95
    for name in ("size", "second"):
        assert 0.15 < shares[name] < 0.7
    for name in ("position", "third", "led by another"):
        assert 0.03 < shares[name] < 0.3


def test_no_word_gives_a_hidden_attribute_away(captions: list[tuple[Scene, str]]) -> None:
    # The names and values themselves too, "none" among them, which is no word of HIDDEN_WORDS.
    forbidden = HIDDEN_WORDS | set(HIDDEN) | {value for values in HIDDEN.values() for value in values}
    pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(sorted(map(re.escape, forbidden)))})(?![\w-])")
    assert pattern.search("a boat in the rain") is not None
    assert pattern.search("a train by the sea") is None
    assert [text for _, text in captions if pattern.search(text)] == []


def test_articles_fit_their_nouns(captions: list[tuple[Scene, str]]) -> None:
    for _, text in captions:
        for article, first in re.findall(r"\b(an?) (\w)", text):
            assert (article == "an") == (first in "aeiou"), text
