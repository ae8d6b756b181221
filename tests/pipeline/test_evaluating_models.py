"""``evaluate models`` as a command: two real models on a folder with classes and captions, side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from preprocessing.cli import main
from tests.pipeline.support import write_images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = ["filename,caption,class"]
    for number, path in enumerate(write_images(tmp_path / "pictures", 24)):
        rows += [f"{path.name},picture number {number},{'even' if number % 2 else 'odd'}"]
    (tmp_path / "pictures" / "captions.csv").write_text("\n".join(rows))
    return tmp_path / "pictures"


def run(models_dir: Path, *arguments: object) -> Result:
    return CliRunner().invoke(main, ["evaluate", "models", *map(str, arguments), "--models-dir", str(models_dir)])


def test_two_models_in_one_table_with_json_and_plot(models_dir: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(models_dir, folder, "--model", "tiny", "--model", "other", "--output", out)
    assert result.exit_code == 0, result.output
    content = json.loads((out / "figures.json").read_text())
    assert (content["images"], content["classes"], content["captions"]) == (24, 2, 24)
    measures = {
        "image to image, mAP",
        "21-NN classification",
        "zero-shot classification",
        *(f"text to image, R@{limit}" for limit in (1, 5, 10)),
    }
    for model in ("tiny", "other"):
        figures = content["figures"][model]
        assert set(figures) == measures
        assert all(0 <= value <= 1 for value in figures.values())
    assert "difference" in result.output
    assert "difference" in (out / "figures.md").read_text()
    assert (out / "figures.png").read_bytes().startswith(b"\x89PNG")
    again = run(models_dir, folder, "--model", "tiny", "--template", "{}")
    assert f"{content['figures']['tiny']['image to image, mAP']:.4f}" in again.output


def test_bad_input_is_one_line_and_nothing_is_written(models_dir: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(models_dir, folder, "--model", "nobody", "--output", out)
    assert result.exit_code == 2
    assert "other, tiny" in result.output
    (folder / "0003.png").write_bytes(b"no picture")
    result = run(models_dir, folder, "--model", "tiny", "--output", out)
    assert result.exit_code == 2
    assert "0003.png" in result.output
    assert not out.exists()
