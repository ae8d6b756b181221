"""What scenes are made of: seeds, frequencies, hidden attributes that are independent, and what captions say."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import asdict

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from clip_branches.errors import InvalidInput
from preprocessing.scenes import (
    CATALOGUE_SEEDS_START,
    COLOR_WORDS,
    COLORS,
    EVALUATION_SEEDS_START,
    HIDDEN,
    HIDDEN_WORDS,
    KIND_WORDS,
    KINDS,
    SEED_RANGE,
    SETTING_PHRASES,
    SETTINGS,
    TRAINING_SEEDS_START,
    Scene,
    caption,
    ground_truth,
    plural,
    sample_scene,
    swapped,
    with_changes,
)
from preprocessing.scenes.vocabulary import HIDDEN_WEIGHTS

CAPTIONED = ("kind", "color", "count", "setting", "size", "position", "second_kind", "second_color", "third_kind")


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [sample_scene(seed) for seed in range(5_000)]


def test_a_seed_is_one_scene_and_seeds_differ() -> None:
    assert sample_scene(7) == sample_scene(7)
    assert len({tuple(list(asdict(sample_scene(seed)).values())[:-1]) for seed in range(300)}) == 300


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'seed' of a scene must be 0 or above"):
        sample_scene(-1)


def test_the_seeds_of_the_three_uses_never_meet() -> None:
    starts = sorted((CATALOGUE_SEEDS_START, EVALUATION_SEEDS_START, TRAINING_SEEDS_START))
    assert all(later - earlier >= SEED_RANGE for earlier, later in itertools.pairwise(starts))


def test_there_are_enough_kinds_colours_and_settings() -> None:
    assert len(KINDS) >= 24
    assert len(COLORS) == 10
    assert len(SETTINGS) >= 8
    assert len(HIDDEN) >= 5
    assert all(2 <= len(values) <= 5 for values in HIDDEN.values())


@pytest.mark.parametrize(("name", "values"), [("kind", KINDS), ("color", COLORS), ("setting", SETTINGS)])
def test_captioned_values_are_about_equally_frequent(scenes: list[Scene], name: str, values: tuple[str, ...]) -> None:
    counts = Counter(getattr(scene, name) for scene in scenes)
    expected = len(scenes) / len(values)
    assert set(counts) == set(values)
    assert all(abs(counts[value] - expected) < 5 * np.sqrt(expected) for value in values)


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_values_are_as_frequent_as_stated(scenes: list[Scene], name: str) -> None:
    counts = Counter(getattr(scene, name) for scene in scenes)
    assert set(counts) == set(HIDDEN[name])
    for value, share in zip(HIDDEN[name], HIDDEN_WEIGHTS[name], strict=True):
        assert abs(counts[value] / len(scenes) - share) < 0.03


@pytest.mark.parametrize("hidden", HIDDEN)
def test_hidden_attributes_tell_nothing_of_captioned_ones_nor_of_each_other(scenes: list[Scene], hidden: str) -> None:
    for other in (*CAPTIONED, *(name for name in HIDDEN if name != hidden)):
        pairs = [(getattr(scene, hidden), str(getattr(scene, other))) for scene in scenes]
        rows, columns = (sorted({pair[side] for pair in pairs}) for side in (0, 1))
        counts = Counter(pairs)
        table = np.array([[counts[row, column] for column in columns] for row in rows])
        # About 90 pairs are tested: a dependence would be far below this bound, chance is far above it.
        assert chi2_contingency(table).pvalue > 1e-5, other


def test_objects_of_a_scene_differ_in_kind_and_colour(scenes: list[Scene]) -> None:
    for scene in scenes:
        kinds = [kind for kind in (scene.kind, scene.second_kind, scene.third_kind) if kind is not None]
        colors = [color for color in (scene.color, scene.second_color, scene.third_color) if color is not None]
        assert len(set(kinds)) == len(kinds) == len(colors) == len(set(colors))
        assert 1 <= scene.count <= 5
    assert 0.7 < np.mean([scene.second_kind is not None for scene in scenes]) < 0.95


def test_no_caption_gives_a_hidden_attribute_away(scenes: list[Scene]) -> None:
    values = {value for name in HIDDEN for value in HIDDEN[name]} - {"none", "clear"}
    assert values <= HIDDEN_WORDS
    rng = np.random.default_rng(0)
    for scene in scenes:
        words = set(re.findall(r"[\w-]+", caption(scene, rng)))
        assert not words & (HIDDEN_WORDS | set(HIDDEN)), words


def test_a_caption_depends_on_nothing_hidden(scenes: list[Scene]) -> None:
    for scene in scenes[:200]:
        changed = with_changes(scene, **{name: values[-1] for name, values in HIDDEN.items()})
        assert caption(scene, np.random.default_rng(3)) == caption(changed, np.random.default_rng(3))


def test_captions_name_a_kind_and_are_true_short_and_lower_case(scenes: list[Scene]) -> None:
    rng = np.random.default_rng(1)
    said = [(scene, caption(scene, rng)) for scene in scenes]
    for scene, text in said:
        assert text == text.lower()
        assert "  " not in text
        assert text == text.strip()
        assert 1 <= len(text.split()) <= 26
        names = KIND_WORDS[scene.kind]
        assert any(re.search(rf"\b({word}|{plural(word)})\b", text) for word in names), text
        present = {scene.color, scene.second_color, scene.third_color}
        # "on green hills" says nothing of an object.
        objects = re.sub("|".join(SETTING_PHRASES[scene.setting]), "", text)
        for color, words in COLOR_WORDS.items():
            if color not in present:
                assert not any(re.search(rf"\b{word}\b", objects) for word in words), text
    lengths = [len(text.split()) for _, text in said]
    assert np.quantile(lengths, 0.2) >= 4
    assert np.quantile(lengths, 0.8) <= 13


def test_every_word_for_a_kind_colour_and_setting_is_taught(scenes: list[Scene]) -> None:
    rng = np.random.default_rng(2)
    text = "\n".join(caption(scene, rng) for scene in scenes for _ in range(2))
    words = [word for table in (KIND_WORDS, COLOR_WORDS, SETTING_PHRASES) for group in table.values() for word in group]
    assert [word for word in words if word not in text] == []


def test_plurals() -> None:
    assert [plural(word) for word in ("boat", "fish", "butterfly", "toadstool")] == [
        "boats",
        "fish",
        "butterflies",
        "toadstools",
    ]


def test_changes_are_checked() -> None:
    scene = sample_scene(0)
    assert with_changes(scene, style="ink").style == "ink"
    with pytest.raises(InvalidInput, match="must be among"):
        with_changes(scene, mood="merry")
    with pytest.raises(InvalidInput, match="must be one of"):
        with_changes(scene, style="baroque")


def test_swapping_exchanges_two_colours_and_nothing_else(scenes: list[Scene]) -> None:
    for scene in scenes[:100]:
        other = swapped(scene)
        if scene.second_color is None:
            assert other == scene
        else:
            assert (other.color, other.second_color) == (scene.second_color, scene.color)
            assert swapped(other) == scene


def test_ground_truth_is_the_scene_with_empty_strings_for_what_is_not_there(scenes: list[Scene]) -> None:
    scene = next(scene for scene in scenes if scene.third_kind is None)
    truth = ground_truth(scene)
    assert truth["third_kind"] == "" == truth["third_color"]
    assert truth["kind"] == scene.kind
    assert set(HIDDEN) <= set(truth)
    assert all(isinstance(value, str | int) for value in truth.values())
