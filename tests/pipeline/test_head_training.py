"""A head from training to catalogue: trained on its own pairs, used by its index, refused for other towers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from clip_branches.encoding import Encoder, Head, Quantiser
from clip_branches.engine import BoxIndex
from tests.pipeline.support import Preprocessing, write_images


def test_a_head_is_trained_on_a_catalogue_and_used_by_it(preprocessing: Preprocessing, tmp_path: Path) -> None:
    source, head = tmp_path / "pictures", tmp_path / "head"
    paths = write_images(source, 60)
    rows = [f"{path.name},picture number {number} of {number % 7}" for number, path in enumerate(paths)]
    (source / "captions.csv").write_text("\n".join(["filename,caption", *rows]) + "\n")
    preprocessing.build(source)
    before = preprocessing.catalogue()
    output = preprocessing("train-head", "photos", "--output", head, "--epochs", 2, "--seed", 3)
    assert "| head, 32-d |" in output
    report = json.loads((head / "report.json").read_text())
    assert (report["pairs"], report["model"]) == (60, "tiny")

    preprocessing("index", "--name", "photos", "--head", head, "--rotation", 5, "--quantiser", "equi-depth")
    after = preprocessing.catalogue()
    assert (before.generation, after.generation) == (1, 2)
    assert after.encoder.head_path is not None
    used, quantiser = Head.load(after.encoder.head_path), Quantiser.load(after.encoder.quantiser_path)
    segment = after.segments[0]
    assert quantiser.kind == "equi-depth"
    assert used.fingerprint == after.encoder.fingerprint
    codes = quantiser.encode(used.project_images(np.asarray(segment.embeddings)))
    np.testing.assert_array_equal(BoxIndex.open(segment.index_path).codes(np.arange(60)), codes)
    # Words take the same turn as images.
    rotated = Head.load(head).rotated(5)
    encoder = Encoder.load("tiny", models_dir=preprocessing.models_dir)
    texts = encoder.embed_texts(["picture number 3"])
    np.testing.assert_allclose(used.project_texts(texts), rotated.project_texts(texts), atol=1e-6)

    # A second run has nothing to do; the section is remembered, and another one makes another generation.
    assert "taken over" in preprocessing("index", "--name", "photos")
    preprocessing("index", "--name", "photos", "--quantiser", "uniform")
    last = preprocessing.catalogue()
    assert (last.generation, Quantiser.load(last.encoder.quantiser_path).kind) == (3, "uniform")

    preprocessing("embed", "--name", "photos", "--model", "other")
    refused = preprocessing("index", "--name", "photos", status=2)
    assert "trained on embeddings of 'other'" in refused


def test_wrong_heads_and_pairs_are_one_clear_line(preprocessing: Preprocessing, tmp_path: Path) -> None:
    source = tmp_path / "pictures"
    write_images(source, 12)
    assert "head.json" in preprocessing.build(source, "--head", tmp_path / "nowhere", status=2)
    preprocessing.build(source)
    assert "must have captions" in preprocessing("train-head", "photos", "--output", tmp_path / "head", status=2)
    assert "catalogue's name" in preprocessing("train-head", "nothing", "--output", tmp_path / "head", status=2)
    (tmp_path / "published.pt").write_bytes(b"half")
    said = preprocessing_import(preprocessing, tmp_path / "published.pt", tmp_path / "head")
    assert "published.pt must be a whole file" in said


def preprocessing_import(preprocessing: Preprocessing, weights: Path, output: Path) -> str:
    from click.testing import CliRunner

    from preprocessing.cli import main

    result = CliRunner().invoke(main, ["import-head", str(weights), "--output", str(output)])
    assert result.exit_code == 1
    return result.output
