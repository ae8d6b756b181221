"""A model that cannot be used is told before anything is fetched or looked at for it; a head fitted here says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from preprocessing.projection import PAIRS_TO_FIT
from tests.pipeline.support import Preprocessing, write_images, write_tiny_model


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """Folders of models that look right: weights cut short, no weights, weights of another architecture."""
    folder = tmp_path / "broken"
    for name in ("short", "none", "other"):
        write_tiny_model(folder / name, seed=5)
        weights = folder / name / "open_clip_model.safetensors"
        config = folder / name / "open_clip_config.json"
        if name == "short":
            weights.write_bytes(weights.read_bytes()[:-100])
        elif name == "none":
            weights.unlink()
        else:
            config.write_text(config.read_text().replace('"width": 64', '"width": 96'))
    return folder


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "nowhere"), "Got 'nowhere'"),
        (("--model", "local-dir:{broken}/short"), "short/open_clip_model.safetensors must be a whole safetensors file"),
        (("--model", "local-dir:{broken}/none"), "must be a whole safetensors file. Got: No such file or directory"),
        (("--model", "local-dir:{broken}/other"), "other must hold an open_clip model"),
        (("--model", "ViT-B-99/openai"), "must name an open_clip architecture"),
        (("--model", "ViT-B-32/nowhere"), "must name weights of ViT-B-32 or a file"),
        (("--device", "cuda:7"), "'device' must be auto or one of cpu"),
        (("--device", "cpu", "--precision", "fp16"), "'precision' must be one of auto, fp32, bf16 on cpu"),
    ],
)
def test_a_model_that_cannot_be_used_is_told_before_any_work(
    preprocessing: Preprocessing, tmp_path: Path, broken: Path, arguments: tuple[str, ...], message: str
) -> None:
    links = tmp_path / "links.csv"
    links.write_text("url,caption\nhttp://127.0.0.1:9/1.jpg,never asked for\n")
    given = [argument.format(broken=broken) for argument in arguments]
    output = preprocessing.build(links, *given, status=None)
    lines = [line for line in output.splitlines() if line.startswith("Error:")]
    assert len(lines) == 1, output
    assert message in lines[0]
    assert not (preprocessing.data_dir / "sources").exists()
    assert not preprocessing.work().joinpath("checked").exists()


def test_a_head_that_was_fitted_here_says_what_finds_more(preprocessing: Preprocessing, tmp_path: Path) -> None:
    few, many = tmp_path / "few", tmp_path / "many"
    for folder, count in ((few, 3), (many, PAIRS_TO_FIT)):
        for path in write_images(folder, count, size=32):
            path.with_suffix(".txt").write_text(f"picture {path.stem}")
    assert "too few captions for one: codes hold principal axes" in preprocessing.build(few, name="few")
    output = preprocessing.build(many, name="many")
    assert "python -m preprocessing train-head many --output data/heads/many" in output
    assert "train-head" not in preprocessing.build(many, name="many")  # as it is, nothing was fitted
