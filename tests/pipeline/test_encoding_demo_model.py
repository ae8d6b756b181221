"""The demo model that is shipped: loads as any open_clip model does, and is as good as its card says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from clip_branches.encoding import Encoder
from preprocessing.demo_model.config import VOCABULARY
from preprocessing.demo_model.evaluation import few_shot_f1, measure
from preprocessing.demo_model.facts import SceneFacts, collect_facts
from preprocessing.scenes import EVALUATION_SEEDS_START, HIDDEN, render, sample_scene

MODELS = Path(__file__).parents[2] / "assets" / "models"
# Neither the seeds of the training, nor of the card's evaluation, nor of the scenes watched during training.
SEEDS = range(EVALUATION_SEEDS_START + 7_000_000, EVALUATION_SEEDS_START + 7_000_300)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load("demo", models_dir=MODELS)


@pytest.fixture(scope="module")
def scenes(encoder: Encoder) -> tuple[np.ndarray, SceneFacts]:
    """What the codes of unseen scenes stand for, and what the scenes show."""
    drawn = [sample_scene(seed) for seed in SEEDS]
    assert encoder.quantiser is not None
    vectors = encoder.encode_images([render(scene, 128) for scene in drawn])
    return encoder.quantiser.decode(encoder.quantiser.encode(vectors)), collect_facts(drawn)


def test_vectors_are_unit_and_the_same_each_time(encoder: Encoder) -> None:
    pictures = [render(sample_scene(seed), 128) for seed in SEEDS[:12]]
    texts = ["a red boat", "something blue at the beach", "zyzzyva"]
    for rows in (encoder.encode_images(pictures), encoder.encode_texts(texts)):
        assert rows.shape[1] == 32
        assert rows.dtype == np.float32
        assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
    assert np.array_equal(encoder.encode_images(pictures), encoder.encode_images(pictures))
    singles = np.concatenate([encoder.encode_images([picture]) for picture in pictures])
    assert np.allclose(singles, encoder.encode_images(pictures), atol=1e-4)


def test_words_never_learnt_say_nothing(encoder: Encoder) -> None:
    table = encoder.model.token_embedding.weight
    assert table.shape[0] == VOCABULARY
    assert int((table.abs().sum(dim=1) > 0).sum()) < 1_000
    plain, padded = encoder.encode_texts(["a red boat", "a zyzzyva red boat"])
    assert plain @ padded > 0.8


def test_codes_use_their_range(scenes: tuple[np.ndarray, SceneFacts], encoder: Encoder) -> None:
    assert encoder.quantiser is not None
    codes = encoder.quantiser.encode(scenes[0])
    assert (codes.std(axis=0) > 20).all()
    assert ((codes == 0) | (codes == 255)).mean() < 0.01


def test_unseen_scenes_are_found_by_words_and_by_example(
    scenes: tuple[np.ndarray, SceneFacts], encoder: Encoder
) -> None:
    figures = measure(scenes[0], encoder.encode_texts, scenes[1], thorough=False)
    card = json.loads((MODELS / "demo" / "evaluation.json").read_text())
    # Fewer scenes make ten right answers harder to come by than the 2,000 of the card do.
    assert figures["one_attribute"] > card["one_attribute"] - 0.15
    assert figures["one_attribute"] > 0.6
    assert figures["image_to_image"] > 1.5 * figures["image_to_image_chance"]


def test_a_drawing_style_that_no_caption_mentions_is_in_the_codes(scenes: tuple[np.ndarray, SceneFacts]) -> None:
    vectors, facts = scenes
    place = list(HIDDEN).index("style")
    found = [few_shot_f1(vectors, facts.hidden[:, place] == number, draws=3)["f1"] for number in range(5)]
    assert np.mean(found) > 0.5  # chance is 0.33
