"""Groups of scenes and their words, and both trainings: they learn, and go on where they were stopped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clip_branches.encoding import Encoder
from clip_branches.errors import DamagedFile, InvalidInput
from preprocessing.composing.config import CombinerConfig, InversionConfig
from preprocessing.composing.training_combiner import train_combiner
from preprocessing.composing.training_inversion import Told, masked, train_inversion
from preprocessing.composing.triplets import Triplets, batches, read_triplet_names
from preprocessing.composing.variations import GROUP_SIZE, group_of
from preprocessing.composing.words import difference
from preprocessing.scenes import HIDDEN, HIDDEN_WORDS, sample_scene


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**40))
def test_a_group_varies_one_thing_and_the_words_tell_it(seed: int) -> None:
    members = group_of(seed)
    assert members == group_of(seed)
    assert members[0] == sample_scene(seed)
    assert len(set(members)) == GROUP_SIZE
    for member in members[1:]:
        for name in (*HIDDEN, "seed"):
            assert getattr(member, name) == getattr(members[0], name)
        words = difference(members[0], member, np.random.default_rng(seed))
        assert words
        assert words == difference(members[0], member, np.random.default_rng(seed))
        assert not HIDDEN_WORDS & set(words.replace(",", "").split())
        if member.color != members[0].color and member.kind == members[0].kind:
            assert difference(member, members[0], np.random.default_rng(seed))
    assert difference(members[0], members[0], np.random.default_rng(0)) == ""


def test_batches_hold_every_triplet_once_and_groups_whole() -> None:
    groups = np.repeat(np.arange(40), np.arange(40) % 4 + 1)
    parts = batches(groups, 16, np.random.default_rng(0))
    rows = np.concatenate(parts)
    assert sorted(rows.tolist()) == list(range(len(groups)))
    homes = [{int(group) for group in groups[part]} for part in parts]
    assert sum(map(len, homes)) == 40


def made_triplets(width: int = 16) -> Triplets:
    """The target is the reference with the sign of the text's strongest direction turned: no sum finds it."""
    generator = np.random.default_rng(0)
    references = generator.choice([-1.0, 1.0], size=(400, width)).astype(np.float32) / 4
    turned = generator.integers(0, width, size=400)
    targets = references.copy()
    targets[np.arange(400), turned] *= -1
    images = np.concatenate([references, targets])
    rows = np.arange(400)
    return Triplets(images, np.eye(width, dtype=np.float32)[turned], rows, rows + 400, rows // 8)


def test_a_combiner_learns_and_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    triplets = made_triplets()
    config = CombinerConfig(dropout=0.0, learning_rate=3e-3, batch_size=64, epochs=6, scale=20.0, validation=0.2)
    whole, progress = train_combiner(triplets, config, tmp_path / "whole")
    assert progress.history[-1]["loss"] < 0.7 * progress.history[0]["loss"]
    train_combiner(triplets, config.model_copy(update={"epochs": 3}), tmp_path / "parts")
    lines: list[str] = []
    parts, _ = train_combiner(triplets, config, tmp_path / "parts", say=lines.append)
    assert [line.split(" of ")[0] for line in lines] == ["epoch 4", "epoch 5", "epoch 6"]
    for one, other in zip(whole.state_dict().values(), parts.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other)


def test_an_inversion_learns_from_text_alone_and_goes_on(tmp_path: Path) -> None:
    encoder = Encoder.load("local-dir:assets/models/demo")
    kinds, colors = ["boat", "car", "cat", "fish", "tree"], ["red", "blue", "green", "pink"]
    captions = [f"a {color} {kind} at the beach" for kind in kinds for color in colors]
    told = [Told(f"a red {kind}", "make it blue", f"a blue {kind}") for kind in kinds]
    config = InversionConfig(dropout=0.0, learning_rate=3e-3, batch_size=8, epochs=8, noise=0.2, hidden=64)
    whole, progress = train_inversion(captions, encoder, config, tmp_path / "whole", told=told)
    assert progress.history[-1]["loss"] < progress.history[0]["loss"]
    half = config.model_copy(update={"epochs": 4})
    train_inversion(captions, encoder, half, tmp_path / "parts", told=told)
    parts, _ = train_inversion(captions, encoder, config, tmp_path / "parts", told=told)
    for one, other in zip(whole.state_dict().values(), parts.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other)
    with pytest.raises(InvalidInput, match="4 different captions"):
        train_inversion(["a boat", "a boat"], encoder, config, tmp_path / "few")


def test_keywords_are_masked_and_the_rest_stays() -> None:
    assert masked("A red boat at the beach") == "A $ at the $"
    assert masked("two cats, near a house") == "two $ , near a $"
    assert masked("the") == "$"


def test_triplet_files_of_three_layouts_are_read(tmp_path: Path) -> None:
    file = tmp_path / "triplets.json"
    file.write_text(
        '[{"reference": "a", "caption": "b", "target_hard": "c"}, '
        '{"candidate": "a", "captions": ["b.", "d"], "target": "c"}]'
    )
    assert read_triplet_names(file) == [("a", "b", "c"), ("a", "b and d", "c")]
    file.write_text('[{"reference": "a", "caption": "b", "target": "c"}, {"reference": "a"}]')
    with pytest.raises(DamagedFile, match="Entry 1"):
        read_triplet_names(file)
