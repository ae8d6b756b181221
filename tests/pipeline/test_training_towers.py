"""CLIP4Cir's first stage on a few drawn scenes: it learns, goes on where it stopped, writes the published layout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from clip_branches.encoding import Encoder
from clip_branches.errors import InvalidInput
from preprocessing.composing.command import train_towers_command
from preprocessing.composing.config import TowersConfig
from preprocessing.composing.training_towers import train_towers
from preprocessing.composing.variations import group_of
from preprocessing.composing.words import difference
from preprocessing.scenes import render
from tests.running import ROOT

MODEL = f"local-dir:{ROOT / 'assets' / 'models' / 'demo'}"


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures and triplets over them."""
    folder, triplets = tmp_path_factory.mktemp("scenes"), []
    for seed in range(6):
        members = group_of(2_900_000_000 + seed)[:3]
        for number, scene in enumerate(members):
            render(scene, 96).save(folder / f"{seed}-{number}.png")
        for after in (1, 2):
            words = difference(members[0], members[after], np.random.default_rng(seed))
            triplets.append({"reference": f"{seed}-0", "caption": words, "target": f"{seed}-{after}"})
    (folder / "triplets.json").write_text(json.dumps(triplets))
    return folder


def test_the_defaults_are_the_published_ones() -> None:
    config = TowersConfig()
    assert (config.learning_rate, config.batch_size, config.scale, config.towers) == (2e-6, 128, 100.0, "both")


def test_towers_learn_go_on_and_are_written_as_published(scenes: Path, tmp_path: Path) -> None:
    command = [str(scenes / "triplets.json"), "--images", str(scenes), "--model", MODEL, "--batch-size", "6"]
    command += ["--learning-rate", "1e-4", "--output", str(tmp_path)]
    first = CliRunner().invoke(train_towers_command, [*command, "--epochs", "2"], catch_exceptions=False)
    assert first.exit_code == 0, first.output
    done = CliRunner().invoke(train_towers_command, [*command, "--epochs", "4"], catch_exceptions=False)
    assert "epoch 2 of" not in done.output
    assert "epoch 4 of" in done.output
    losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert len(losses) == 4
    assert losses[-1] < losses[0]
    written = torch.load(tmp_path / "clip.pt", weights_only=True)
    assert set(written) == {"epoch", "CLIP"}
    encoder = Encoder.load(MODEL, threads=1)
    before = encoder.model.state_dict()
    assert set(written["CLIP"]) == set(before)
    encoder.model.load_state_dict({name: tensor.float() for name, tensor in written["CLIP"].items()})
    same = [name for name in written["CLIP"] if name.endswith("running_mean")]
    original = Encoder.load(MODEL, threads=1).model.state_dict()
    assert same
    assert all(torch.allclose(written["CLIP"][name].float(), original[name], atol=1e-2) for name in same)


def test_only_the_named_tower_is_trained(scenes: Path, tmp_path: Path) -> None:
    encoder = Encoder.load(MODEL, threads=1)
    before = {name: tensor.clone() for name, tensor in encoder.model.state_dict().items()}
    named = [tuple(entry.values()) for entry in json.loads((scenes / "triplets.json").read_text())]
    files = {path.stem: path for path in scenes.glob("*.png")}
    config = TowersConfig(towers="text", batch_size=6, epochs=1, learning_rate=1e-3)
    train_towers(named, files, encoder, config, tmp_path)  # type: ignore[arg-type]
    changed = {name for name, tensor in encoder.model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed
    assert not [name for name in changed if name.startswith("visual.")]
    with pytest.raises(InvalidInput, match="at least 4 triplets"):
        train_towers(named[:2], files, encoder, config, tmp_path)  # type: ignore[arg-type]


def test_images_that_are_not_there_are_named(scenes: Path, tmp_path: Path) -> None:
    (tmp_path / "more.json").write_text(json.dumps([{"reference": "0-0", "caption": "red", "target": "none"}]))
    command = [str(tmp_path / "more.json"), "--images", str(scenes), "--model", MODEL, "--output", str(tmp_path)]
    done = CliRunner().invoke(train_towers_command, command)
    assert done.exit_code != 0
    assert "1 of 2 are not there, such as none" in str(done.exception)
