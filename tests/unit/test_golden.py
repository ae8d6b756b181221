"""Files of version 1 that stay for ever: a change that breaks them needs a new version, and a reader of this one."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from clip_branches.catalogue import Catalogue
from clip_branches.encoding import Head, Quantiser
from clip_branches.engine import Box, BoxIndex, CatalogueEngine, LinearScorer, Rule
from tests import naive

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
DELETED = (3, 30)
BOXES = [Box([0, 5], [100, 0], [200, 140]), Box([7], [128], [255]), Box([], [], [])]


def codes_of(rows: int) -> np.ndarray:
    """By a formula, so that no generator of random numbers has to stay as it is for ever."""
    row, column = np.ogrid[:rows, :32]
    return ((row * 37 + column * 101 + row * column * 13) % 256).astype(np.uint8)


def test_an_index_of_rows_in_their_own_order_opens_and_is_still_written_the_same(tmp_path: Path) -> None:
    path, codes = GOLDEN / "boxes_v1_ordered.cbx", codes_of(40)
    index = BoxIndex.open(path)
    assert index.presorted
    assert np.array_equal(index.codes(), codes)
    assert index.query(BOXES)[0].tolist() == naive.query(BOXES, codes)[0]
    BoxIndex.build(codes, presorted=True, block_size=16).save(tmp_path / "boxes.cbx")
    assert (tmp_path / "boxes.cbx").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("verify", [True, False])
def test_the_golden_catalogue_opens_with_all_that_is_in_it(verify: bool) -> None:
    catalogue = Catalogue.open(GOLDEN / "catalogue_v1", verify=verify)
    assert (catalogue.name, catalogue.generation, catalogue.size) == ("golden", 2, 38)
    assert catalogue.deleted.tolist() == list(DELETED)
    assert [segment.rows for segment in catalogue.segments] == [25, 15]
    found, missing = catalogue.items([1, 3, 6, 40])
    assert missing == [3]
    assert [(item["id"], item["caption"], item["metadata"]["kind"]) for item in found] == [
        (1, "caption of 1", "kind 1"),
        (6, None, "kind 0"),
        (40, "caption of 40", "kind 0"),
    ]
    assert [segment.embeddings.shape for segment in catalogue.segments if segment.embeddings is not None] == [
        (25, 4),
        (15, 4),
    ]
    assert catalogue.encoder.head_path is not None
    head = Head.load(catalogue.encoder.head_path)
    assert (head.kind, head.input_dim) == ("linear", 4)
    quantiser = Quantiser.load(catalogue.encoder.quantiser_path)
    assert (quantiser.low_ == -1).all()
    assert (quantiser.step_ == np.float32(1 / 128)).all()


def test_the_golden_catalogue_answers_by_the_formula(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "catalogue_v1", tmp_path / "golden")  # reading must not need to write: a copy tells
    before = {path: path.read_bytes() for path in (tmp_path / "golden").rglob("*") if path.is_file()}
    catalogue = Catalogue.open(tmp_path / "golden")
    engine = CatalogueEngine.open(catalogue, Quantiser.load(catalogue.encoder.quantiser_path))
    live = [row for row in range(40) if row + 1 not in DELETED]
    codes, ids = codes_of(40)[live], np.array(live) + 1
    assert np.array_equal(engine.codes_of(ids), codes)
    assert engine.count(BOXES).tolist() == naive.count(BOXES, codes)
    scorer = LinearScorer()
    scorer.weights_, scorer.bias_ = (np.arange(32) - 15.5).astype(np.float32), np.float32(0.5)
    scorer.threshold_, scorer.n_features_in_ = np.float32(100), 32
    scores = naive.linear_scores(codes, scorer.weights_, 0.5)
    found = Rule(scorer, []).search(engine)
    accepted = scores >= 100
    assert found.ids.tolist() == naive.best_first(ids[accepted].tolist(), scores[accepted].tolist())
    assert {path: path.read_bytes() for path in (tmp_path / "golden").rglob("*") if path.is_file()} == before
