"""What is to be done to one scene to get another, in words: the captions of the triplets."""

from __future__ import annotations

import numpy as np

from preprocessing.composing.variations import PLACES, pick
from preprocessing.scenes import COLOR_WORDS, COUNT_WORDS, KIND_WORDS, SETTING_NOUNS, SETTING_PHRASES, Scene, plural
from preprocessing.scenes.captions import with_article

_OPENINGS = ("", "", "", "the same, but ", "the same scene, but ", "like this, but ")
_JOINT = " and "


def difference(before: Scene, after: Scene, rng: np.random.Generator) -> str:
    """What is to be done to ``before`` to get ``after``, in words such as "the same, but the boat is red".

    Empty where no caption can tell them apart. The same for the same state of ``rng``.
    """
    said = [_object(before, after, place, rng) for place in PLACES]
    if before.count != after.count:
        said.append(_counted(after, rng))
    if before.setting != after.setting:
        said.append(_setting(after.setting, rng))
    told = [part for part in said if part]
    return pick(_OPENINGS, rng) + _JOINT.join(told) if told else ""


def described(scene: Scene, rng: np.random.Generator) -> str:
    """All that captions may say of the objects of ``scene`` and of where they are; the same for the same ``rng``."""
    parts = [_whole(scene.kind, scene.color, scene.count, rng)]
    others = ((scene.second_kind, scene.second_color), (scene.third_kind, scene.third_color))
    parts += [_whole(kind, color, 1, rng) for kind, color in others if kind is not None and color is not None]
    order = [number for number in rng.permutation(3) if number < len(parts)]
    objects = _JOINT.join(parts[number] for number in order)
    where = pick(SETTING_PHRASES[scene.setting], rng)
    return f"{objects} {where}" if rng.random() < 0.7 else f"{where}, {objects}"


def _whole(kind: str, color: str, count: int, rng: np.random.Generator) -> str:
    phrase = f"{pick(COLOR_WORDS[color], rng)} {_noun(kind, count, rng)}"
    return with_article(phrase) if count == 1 else f"{pick(COUNT_WORDS[count], rng)} {phrase}"


def _object(before: Scene, after: Scene, place: str, rng: np.random.Generator) -> str:
    """What became of the object in one place: another kind, another colour, both, new, or gone."""
    old_kind, new_kind = getattr(before, f"{place}kind"), getattr(after, f"{place}kind")
    old_color, new_color = getattr(before, f"{place}color"), getattr(after, f"{place}color")
    if (old_kind, old_color) == (new_kind, new_color):
        return ""
    count = after.count if place == "" else 1
    if new_kind is None:
        gone = _noun(old_kind, before.count if place == "" else 1, rng)
        return pick(("without the {0}", "remove the {0}", "no {0}"), rng).format(gone)
    noun, hue = _noun(new_kind, count, rng), "" if old_color == new_color else pick(COLOR_WORDS[new_color], rng)
    named = f"{hue} {noun}".strip()
    one = with_article(named) if count == 1 else named
    if old_kind is None:
        return pick(("add {0}", "with {0} as well", "and {0}"), rng).format(one)
    if old_kind == new_kind:
        verb = "is" if count == 1 else "are"
        ways = ("the {0} {3} {1}", "the {0} {3} {1}", "make the {0} {1}", "{2}", "with {2}", "{2} instead")
        return pick(ways, rng).format(noun, hue, one, verb)
    old = _noun(old_kind, count, rng)
    forms = ("{0} instead of the {1}", "replace the {1} with {0}", "{0} in place of the {1}", "with {0}, not the {1}")
    return pick(forms, rng).format(one, old)


def _counted(after: Scene, rng: np.random.Generator) -> str:
    noun = _noun(after.kind, after.count, rng)
    number = pick(("one", "a single"), rng) if after.count == 1 else pick(COUNT_WORDS[after.count], rng)
    return pick(("{0} {1}", "with {0} {1}", "make it {0} {1}"), rng).format(number, noun)


def _setting(setting: str, rng: np.random.Generator) -> str:
    phrase, noun = pick(SETTING_PHRASES[setting], rng), pick(SETTING_NOUNS[setting], rng)
    return pick(("{0}", "{0}", "it is {0}", "{0} instead", "the background is {1}"), rng).format(phrase, noun)


def _noun(kind: str, count: int, rng: np.random.Generator) -> str:
    word = pick(KIND_WORDS[kind], rng)
    return word if count == 1 else plural(word)
