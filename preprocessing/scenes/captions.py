"""Captions of scenes: templates with synonyms, about 4 to 12 lower-case words, never a word on a hidden attribute."""

from __future__ import annotations

import numpy as np

from preprocessing.scenes.scene import Scene
from preprocessing.scenes.vocabulary import (
    COLOR_WORDS,
    COUNT_WORDS,
    KIND_WORDS,
    POSITION_PHRASES,
    SETTING_NOUNS,
    SETTING_PHRASES,
    SIZE_WORDS,
    plural,
)

_VOWELS = "aeiou"
_PREFIXES = ("", "", "", "", "a picture of ", "there is ", "an image of ", "a scene with ")
_JOINTS = (" and ", " and ", " with ", " next to ", " beside ", " near ")


def caption(scene: Scene, rng: np.random.Generator) -> str:
    """One caption of the scene, the same for the same state of ``rng``.

    The main kind is always named; all else by chance, so that each word is learnt by contrast.
    """
    roll = rng.random()
    if roll < 0.12:
        return _short(scene, rng)
    if scene.second_kind is not None and roll < 0.22:
        return _second_only(scene, rng)
    main = _group(scene.kind, scene.color, scene.count, rng, size=scene.size, color_chance=0.86, size_chance=0.28)
    where = f" {_pick(SETTING_PHRASES[scene.setting], rng)}" if rng.random() < 0.66 else ""
    other = ""
    if scene.second_kind is not None and scene.second_color is not None and rng.random() < 0.55:
        other = _pick(_JOINTS, rng) + _group(scene.second_kind, scene.second_color, 1, rng, color_chance=0.88)
        if scene.third_kind is not None and scene.third_color is not None and rng.random() < 0.35:
            other += " and " + _group(scene.third_kind, scene.third_color, 1, rng, color_chance=0.85)
    position = ""
    if not other and rng.random() < (0.35 if scene.position != "centre" else 0.06):
        position = f" {_pick(POSITION_PHRASES[scene.position], rng)}"
    if where and rng.random() < 0.14:
        return f"{where.strip()}, {main}{other}{position}"
    prefix = _pick(_PREFIXES, rng)
    if prefix == "there is " and (scene.count > 1 or not main.startswith("a")):
        prefix = "there are " if scene.count > 1 else ""
    return f"{prefix}{main}{position}{other}{where}"


def _short(scene: Scene, rng: np.random.Generator) -> str:
    """ "a red boat", "boats at the beach", "red boat", "boat, beach"."""
    noun = _noun(scene.kind, scene.count, rng)
    color = _pick(COLOR_WORDS[scene.color], rng)
    form = int(rng.integers(5))
    if form == 0:
        return with_article(f"{color} {noun}") if scene.count == 1 else f"{color} {noun}"
    if form == 1:
        return f"{color} {noun}"
    if form == 2:
        return f"{noun}, {_pick(SETTING_NOUNS[scene.setting], rng)}"
    if form == 3:
        start = with_article(noun) if scene.count == 1 else noun
        return f"{start} {_pick(SETTING_PHRASES[scene.setting], rng)}"
    return with_article(noun) if scene.count == 1 else f"{_pick(COUNT_WORDS[scene.count], rng)} {noun}"


def _second_only(scene: Scene, rng: np.random.Generator) -> str:
    """Led by the second object, so that it is a subject in its own right: "a blue car beside boats at the beach"."""
    second_kind, second_color = scene.second_kind or "", scene.second_color or ""
    second = _group(second_kind, second_color, 1, rng, color_chance=0.9)
    main = _group(scene.kind, scene.color, scene.count, rng, color_chance=0.6)
    where = f" {_pick(SETTING_PHRASES[scene.setting], rng)}" if rng.random() < 0.5 else ""
    return f"{second}{_pick(_JOINTS, rng)}{main}{where}"


def _group(
    kind: str,
    color: str,
    count: int,
    rng: np.random.Generator,
    *,
    color_chance: float,
    size: str | None = None,
    size_chance: float = 0.0,
) -> str:
    """ "a large red boat", "three boats"."""
    words = [_noun(kind, count, rng)]
    if rng.random() < color_chance:
        words.insert(0, _pick(COLOR_WORDS[color], rng))
    if size is not None and rng.random() < size_chance:
        words.insert(0, _pick(SIZE_WORDS[size], rng))
    phrase = " ".join(words)
    if count == 1:
        number = _pick(COUNT_WORDS[1], rng) if rng.random() < 0.2 else "a"
        return with_article(phrase) if number == "a" else f"{number} {phrase}"
    return f"{_pick(COUNT_WORDS[count], rng)} {phrase}" if rng.random() < 0.82 else phrase


def with_article(phrase: str) -> str:
    """The phrase after "a" or "an", by its first letter."""
    return f"{'an' if phrase[0] in _VOWELS else 'a'} {phrase}"


def _noun(kind: str, count: int, rng: np.random.Generator) -> str:
    words = KIND_WORDS[kind]
    word = words[0] if rng.random() < 0.62 else _pick(words, rng)
    return word if count == 1 else plural(word)


def _pick(values: tuple[str, ...], rng: np.random.Generator) -> str:
    return values[int(rng.integers(len(values)))]
