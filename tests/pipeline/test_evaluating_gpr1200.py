"""``evaluate gpr1200`` as a command: a folder of the data set's form, embeddings and rankings, all 12,000 of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from clip_branches.composing.sums import unit
from preprocessing.cli import main
from preprocessing.evaluating.gpr1200 import DOMAINS, IMAGES, list_gpr1200


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["evaluate", "gpr1200", *map(str, arguments)])


def made_vectors() -> np.ndarray:
    """A centre a category; the later the domain, the more noise."""
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(1_200, 24))
    noise = np.linspace(0.5, 2.0, 6).repeat(IMAGES // 6)[:, None]
    return (centres.repeat(10, axis=0) + noise * generator.normal(size=(IMAGES, 24))).astype(np.float32)


@pytest.fixture(scope="module")
def ranked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Embeddings of any length and the rankings that they give."""
    folder = tmp_path_factory.mktemp("gpr")
    vectors = made_vectors()
    np.save(folder / "vectors.npy", vectors)
    rows = unit(vectors)
    order = np.argsort(-(rows @ rows.T), axis=1, kind="stable").astype(np.uint16)
    np.save(folder / "rankings.npy", order)
    return folder / "vectors.npy", folder / "rankings.npy"


def test_embeddings_and_rankings_give_the_same_figures_as_a_slow_twin(
    ranked: tuple[Path, Path], tmp_path: Path
) -> None:
    vectors, rankings = ranked
    result = run("--embeddings", vectors, "--rankings", rankings, "--output", tmp_path / "out")
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "out" / "figures.json").read_text())
    by_vectors, by_rankings = content["figures"][str(vectors)], content["figures"][str(rankings)]
    assert by_vectors == by_rankings
    assert [by_vectors[name] for name in DOMAINS] == sorted((by_vectors[name] for name in DOMAINS), reverse=True)

    rows = unit(np.load(vectors))
    for number, name in enumerate(DOMAINS):
        slow = []
        for query in range(2_000 * number, 2_000 * (number + 1), 10):
            order = np.argsort(-(rows @ rows[query]), kind="stable")
            places = np.flatnonzero(order // 10 == query // 10)
            slow.append(sum((seen + 1) / (place + 1) for seen, place in enumerate(places)) / 10)
        # Every tenth query stands for its domain.
        assert np.mean(slow) == pytest.approx(by_vectors[name], abs=0.03)
    assert (tmp_path / "out" / "figures.png").read_bytes().startswith(b"\x89PNG")
    assert "landmarks" in result.output


def test_the_folder_is_read_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "set" / "images"
    folder.mkdir(parents=True)
    image = tmp_path / "one.png"
    Image.new("RGB", (8, 8)).save(image)
    for category in range(1_200):
        for number in range(10):
            (folder / f"{category}_{number}.png").hardlink_to(image)
    files = list_gpr1200(tmp_path / "set")
    assert [int(Path(name).name.split("_")[0]) for name in files] == [number // 10 for number in range(IMAGES)]
    (folder / "1199_9.png").unlink()
    result = run("--images", tmp_path / "set", "--model", "demo")
    assert result.exit_code == 2
    assert "1199 with 9" in result.output


def test_what_is_missing_or_too_much_is_said(ranked: tuple[Path, Path], tmp_path: Path) -> None:
    assert "at least one" in run().output
    assert "--images with --model" in run("--model", "demo").output
    np.save(tmp_path / "few.npy", np.ones((5, 3), np.float32))
    result = run("--embeddings", tmp_path / "few.npy", "--output", tmp_path / "out")
    assert result.exit_code != 0
    assert "(12000, d)" in result.output
    assert not (tmp_path / "out").exists()
