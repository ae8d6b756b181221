"""An inversion trained on told changes: likenesses of images, several pseudo-words, and what is asked in the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from clip_branches.composing.inversion import Inversion, InvertedText
from clip_branches.composing.lift import Lift
from clip_branches.composing.methods import InversionComposer
from clip_branches.composing.sums import unit
from clip_branches.encoding import Encoder
from clip_branches.errors import InvalidInput
from preprocessing.composing.config import ToldConfig
from preprocessing.composing.demo import told_groups
from preprocessing.composing.likeness import Likeness
from preprocessing.composing.training_told import train_told
from preprocessing.composing.variations import group_of
from preprocessing.composing.words import described
from preprocessing.scenes import HIDDEN_WORDS


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load("local-dir:assets/models/demo")


def test_a_description_tells_everything_but_what_no_caption_tells() -> None:
    for seed in range(40):
        scene = group_of(seed)[0]
        text = described(scene, np.random.default_rng(seed))
        assert text == described(scene, np.random.default_rng(seed))
        assert text.count(" and ") == sum(kind is not None for kind in (scene.second_kind, scene.third_kind))
        assert not HIDDEN_WORDS & set(text.replace(",", "").split())


def test_likenesses_have_the_mean_and_the_spread_of_images() -> None:
    generator = np.random.default_rng(0)
    texts = generator.normal(size=(4_000, 6)).astype(np.float32) * np.array([2, 1, 1, 0.1, 0, 0], np.float32)
    images = generator.normal(size=(4_000, 6)).astype(np.float32) * np.array([0.5, 1, 2, 1, 0.7, 0], np.float32)
    images[:, 5] += 30
    likeness = Likeness(texts, images)
    np.testing.assert_allclose(likeness.gap, texts.mean(axis=0) - images.mean(axis=0))
    torch.manual_seed(0)
    made = likeness.images(torch.from_numpy(texts), likeness.hidden(len(texts))).numpy()
    scale = np.linalg.norm(images.mean(axis=0))
    np.testing.assert_allclose(made.std(axis=0) * scale, unit(images).std(axis=0) * scale, rtol=0.08, atol=0.02)
    np.testing.assert_allclose(made.mean(axis=0), unit(images.mean(axis=0)), atol=0.01)
    # What the words tell is still there, shrunk where the images vary less.
    assert np.corrcoef(made[:, 0], texts[:, 0])[0, 1] > 0.9


def test_it_learns_goes_on_and_composes(encoder: Encoder, tmp_path: Path) -> None:
    groups = told_groups(range(2_800_000_000, 2_800_000_030), encoder)
    assert groups.described.shape == (30, 6, encoder.embedding_dim)
    generator = np.random.default_rng(0)
    images = unit(groups.described.reshape(-1, encoder.embedding_dim) + 0.02 * generator.normal(size=(180, 1)))
    likeness = Likeness(groups.described.reshape(-1, encoder.embedding_dim), images)
    lift = Lift.fit(encoder.project_images(images), images)
    config = ToldConfig(hidden=64, dropout=0.0, batch_size=8, epochs=4)
    whole, progress = train_told(groups, likeness, lift, encoder, config, tmp_path / "whole")
    assert progress.history[-1]["loss"] < progress.history[0]["loss"]
    again: list[str] = []
    parts, _ = train_told(groups, likeness, lift, encoder, config, tmp_path / "whole", say=again.append)
    assert again == []
    for one, other in zip(whole.state_dict().values(), parts.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other)
    path = tmp_path / "inversion.safetensors"
    whole.tell = 0.3
    whole.save(path)
    composer = InversionComposer(path, encoder)
    assert composer.side == "images"
    made = composer.compose(images[:4], ["the boat is red", "in the forest", "$ and more", ""])
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    # One at a time or together is the same, and a dollar of a user is no pseudo-word.
    np.testing.assert_allclose(composer.compose(images[1:2], ["in the forest"])[0], made[1], atol=1e-5)
    np.testing.assert_allclose(composer.compose(images[2:3], ["  and more"])[0], made[2], atol=1e-5)


def test_several_pseudo_words_stand_where_they_are_put(encoder: Encoder) -> None:
    tower = InvertedText(encoder.model, encoder.tokenizer)
    network = Inversion(encoder.embedding_dim, tower.word_width, 8, count=3).eval()
    assert network.alone == "$ $ $"
    said = tower.said("a picture of $ , {}", 3, ["red"])
    assert said == ["a picture of $ $ $ , red"]
    tokens = tower.tokens(said)
    # Words looked up and given are the same as words looked up.
    table = tower.tower.token_embedding
    given = table(tower.tokens(["boat car cat"])[0, 1:4])[None]
    with torch.inference_mode():
        made = tower.embed(tokens, given, tokens == tower.pseudo_token)
    np.testing.assert_allclose(made.numpy(), encoder.embed_texts(["a picture of boat car cat , red"]), atol=1e-5)
    with pytest.raises(InvalidInput, match="count"):
        Inversion(8, 4, count=0)
