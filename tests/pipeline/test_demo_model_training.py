"""Parts of the demo model's training: what is true of scenes, the losses, the small vocabulary, some learning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from clip_branches.encoding import Encoder
from preprocessing.demo_model.batches import Batches
from preprocessing.demo_model.config import VOCABULARY, TrainingConfig
from preprocessing.demo_model.data import scene_set
from preprocessing.demo_model.evaluation import few_shot_f1, measure, one_attribute_queries, two_attribute_queries
from preprocessing.demo_model.export import image_vectors, text_vectors, write_model
from preprocessing.demo_model.facts import collect_facts, packed, phrase_book, random_query, truth_of
from preprocessing.demo_model.losses import contrast, koleo
from preprocessing.demo_model.network import DemoNetwork
from preprocessing.demo_model.objectives import losses_of
from preprocessing.demo_model.text import PAD, UNKNOWN, CompactTokenizer, disturbed, padded
from preprocessing.scenes import COLORS, HIDDEN, KINDS, SETTINGS, ground_truth, sample_scene

SMALL = replace(
    TrainingConfig(),
    image_size=96,
    image_width=8,
    image_layers=(1, 1, 1, 1),
    embedding_dim=32,
    head_hidden=(16,),
    batch=8,
    texts_per_scene=2,
    scenes=12,
)


def test_facts_say_what_the_scene_says() -> None:
    scenes = [sample_scene(seed) for seed in range(40)]
    facts = collect_facts(scenes)
    for row, scene in enumerate(scenes):
        truth = ground_truth(scene)
        pairs = {(truth[f"{place}kind"], truth[f"{place}color"]) for place in ("", "second_", "third_")}
        shown = {(KINDS[kind], COLORS[color]) for kind, color in np.argwhere(facts.objects[row])}
        assert shown == {pair for pair in pairs if pair[0]}
        assert SETTINGS[facts.setting[row]] == truth["setting"]
        hidden = {name: values[facts.hidden[row, place]] for place, (name, values) in enumerate(HIDDEN.items())}
        assert hidden == {name: truth[name] for name in HIDDEN}


def test_queries_are_true_of_their_scene_and_checked_alike_one_by_one_and_at_once() -> None:
    facts = collect_facts([sample_scene(seed) for seed in range(150)])
    generator = np.random.default_rng(0)
    queries = [random_query(facts, row, generator) for row in range(len(facts))]
    truth = truth_of(np.array([packed(query) for query in queries]), facts)
    assert np.array_equal(truth, np.stack([query.matches(facts) for query in queries], axis=1))
    assert truth.diagonal().all()
    assert {query.attributes for query in queries} == {1, 2, 3}


def test_evaluation_queries_mention_nothing_hidden() -> None:
    groups = [*one_attribute_queries().values(), *two_attribute_queries().values()]
    words = {word for group in groups for query in group for word in query.text.split()}
    assert not words & {value for values in HIDDEN.values() for value in values}


def test_contrast_is_lowest_where_the_truth_is_nearest() -> None:
    rows = torch.eye(4)
    truth = torch.eye(4)
    truth[0, 1] = truth[1, 0] = 1.0
    right = torch.eye(4)
    right[:2] = torch.nn.functional.normalize(torch.tensor([[1.0, 1.0, 0.0, 0.0]]), dim=-1)
    scale = torch.tensor(20.0)
    assert contrast(rows, right, scale, truth) < contrast(rows, rows, scale, truth)
    assert contrast(rows, rows, scale, torch.eye(4)) < contrast(rows, rows.roll(1, 0), scale, torch.eye(4))


def test_koleo_is_its_formula_and_leaves_out_rows_that_coincide() -> None:
    rows = torch.nn.functional.normalize(torch.from_numpy(np.random.default_rng(0).normal(size=(20, 8))), dim=-1)
    distances = torch.cdist(rows, rows) + 9.0 * torch.eye(20)
    assert torch.allclose(koleo(rows), -torch.log(distances.min(dim=1).values + 1e-8).mean())
    twice = torch.cat([rows, rows[:1]]).requires_grad_()
    koleo(twice).backward()
    assert torch.isfinite(twice.grad).all()


def test_the_small_vocabulary_goes_back_to_its_places() -> None:
    tokenizer = CompactTokenizer(["a red boat", "two boats"], 8)
    rows = tokenizer.rows(["a red zeppelin", "boats " * 20])
    assert rows[0][0] == tokenizer.size - 2
    assert rows[0][-1] == rows[1][-1] == tokenizer.size - 1 == max(map(max, rows))
    assert UNKNOWN in rows[0]
    assert len(rows[1]) == 8
    table = tokenizer.full_table(torch.randn(tokenizer.size, 4), VOCABULARY)
    assert (table.abs().sum(dim=1) > 0).sum() == tokenizer.size - 1  # all but the unknown
    assert padded(rows)[0, -1] == PAD
    noisy = disturbed(rows[0], 8, np.random.default_rng(0))
    assert [number for number in noisy if number != UNKNOWN] == [number for number in rows[0] if number != UNKNOWN]
    assert len(noisy) <= 8


def test_a_small_run_lowers_the_loss_and_its_model_loads_as_it_was(tmp_path: Path) -> None:
    torch.manual_seed(0)
    scenes = scene_set(range(100, 112), SMALL.image_size, SMALL.texts_per_scene, tmp_path, workers=1)
    again = scene_set(range(100, 112), SMALL.image_size, SMALL.texts_per_scene, tmp_path, workers=1)
    assert np.array_equal(scenes.pixels, again.pixels)
    assert scenes.captions == again.captions
    texts = [text for lists in (scenes.captions, scenes.queries) for row in lists for text in row]
    tokenizer = CompactTokenizer([*texts, *phrase_book()], SMALL.context_length)
    network = DemoNetwork(SMALL, tokenizer.size)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    batch = next(Batches(scenes, tokenizer, SMALL).epoch(np.random.default_rng(0)))
    totals = []
    for _ in range(12):
        loss = torch.stack(list(losses_of(network, batch, SMALL).values())).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        totals.append(float(loss.detach()))
    assert totals[-1] < 0.9 * totals[0]

    vectors = image_vectors(network, scenes.pixels)
    write_model(network, tokenizer, SMALL, vectors, tmp_path / "model")
    encoder = Encoder.load(f"local-dir:{tmp_path / 'model'}", threads=None)
    asked = ["a red boat", "something blue at the beach"]
    # Weights are stored in half precision.
    assert np.allclose(encoder.encode_texts(asked), text_vectors(network, tokenizer, asked), atol=0.02)
    from PIL import Image

    loaded = encoder.encode_images([Image.fromarray(pixels) for pixels in scenes.pixels])
    assert np.allclose(loaded, vectors, atol=0.05)


def test_measures_are_perfect_for_perfect_vectors_and_poor_for_random_ones() -> None:
    scenes = collect_facts([sample_scene(seed) for seed in range(1_500)])
    words = {word: number for number, word in enumerate([*KINDS, *COLORS, *SETTINGS])}

    def encode_texts(texts: object) -> np.ndarray:
        rows = np.zeros((len(list(texts)), len(words)), dtype=np.float32)  # type: ignore[call-overload]
        for row, text in enumerate(texts):  # type: ignore[arg-type, var-annotated]
            for word in text.replace(",", "").split():
                if word in words:
                    rows[row, words[word]] = 1.0
        return rows

    places = np.eye(len(SETTINGS))[scenes.setting]
    perfect = np.concatenate([scenes.kinds, scenes.colors, places], axis=1).astype(np.float32)
    noise = np.random.default_rng(0).normal(size=perfect.shape).astype(np.float32)
    good, poor = (measure(vectors, encode_texts, scenes, thorough=False) for vectors in (perfect, noise))
    assert good["two_attributes_by_group"]["kind + setting"]["precision_at_10"] == pytest.approx(1.0)
    assert poor["two_attributes"] < 0.2 < good["two_attributes"]
    assert poor["image_to_image"] < 0.3 < good["image_to_image"]


def test_few_labels_find_a_direction() -> None:
    generator = np.random.default_rng(0)
    truth = generator.random(1_500) < 0.2
    vectors = generator.normal(size=(1_500, 32)).astype(np.float32) * 0.05
    assert few_shot_f1(vectors, truth, draws=2)["f1"] < 0.5
    vectors[truth, 3] += 1.0
    assert few_shot_f1(vectors, truth, draws=2)["f1"] > 0.95
