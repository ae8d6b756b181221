"""The parts of the quality benchmark that its figures hang on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from benchmarks.quality.catalogues import Catalogue, Concept
from benchmarks.quality.figures import bootstrap, compare, summarise
from benchmarks.quality.metrics import at_cut, average_precision, best_f1, precision_at
from benchmarks.quality.models import Outcome
from benchmarks.quality.published import grow_box, published_branch, published_ensemble
from benchmarks.quality.simulate import Search, simulate
from benchmarks.quality.users import SEEN, User
from clip_branches.encoding.quantiser import Quantiser
from tests.unit.engine_codes import clumps

N = 400
NOTHING = np.zeros(N, bool)


def _concept(relevant: np.ndarray) -> Concept:
    return Concept("even", relevant, np.zeros(len(relevant), bool), np.ones(32, np.float32), np.ones(32, np.float32))


@pytest.mark.parametrize("ties", [False, True])
def test_average_precision_is_scikit_learns(ties: bool) -> None:
    generator = np.random.default_rng(0)
    scores, relevant = generator.normal(size=N), generator.random(N) < 0.1
    if ties:
        scores = scores.round()
    assert average_precision(relevant, scores) == pytest.approx(average_precision_score(relevant, scores))


def test_figures_at_a_cut() -> None:
    relevant = np.array([1, 1, 0, 0, 1], bool)
    scores = np.array([5.0, 4, 3, 2, 1])
    assert at_cut(relevant, scores >= 3) == pytest.approx({"recall": 2 / 3, "precision": 2 / 3, "f1": 2 / 3})
    assert at_cut(relevant, scores > 9) == {"recall": 0.0, "precision": 1.0, "f1": 0.0}
    assert best_f1(relevant, scores) == pytest.approx(0.8)
    assert precision_at(relevant, scores, 3) == pytest.approx(2 / 3)


def test_a_user_sees_a_page_labels_part_of_it_and_is_never_shown_it_again() -> None:
    concept, seen = _concept(np.arange(N) % 4 == 0), NOTHING.copy()
    generator = np.random.default_rng(0)
    for page in range(3):
        right, wrong = User("mixed", 20, rounds=3).label(concept, np.arange(N), seen, page == 0, generator)
        labelled = np.concatenate([right, wrong])
        assert len(labelled) == 20
        assert (labelled // SEEN == page).all()
        assert concept.relevant[right].all()
        assert not concept.relevant[wrong].any()
        assert seen.sum() == SEEN * (page + 1)


def test_a_user_slips_as_often_as_told_and_looks_on_for_a_first_right_image() -> None:
    generator = np.random.default_rng(0)
    slips = 0
    for _ in range(40):
        concept = _concept(np.arange(N) % 2 == 0)
        right, wrong = User("mixed", 60, 0.1).label(concept, np.arange(N), NOTHING.copy(), True, generator)
        slips += (~concept.relevant[right]).sum() + concept.relevant[wrong].sum()
    assert 0.07 < slips / 2_400 < 0.13
    right, wrong = User("mixed", 5).label(_concept(np.arange(N) == 300), np.arange(N), NOTHING.copy(), True, generator)
    assert right.tolist() == [300]
    assert len(wrong) == 4


def test_users_of_positives_only_and_of_given_labels() -> None:
    concept, seen = _concept(np.arange(N) % 20 == 0), NOTHING.copy()
    right, wrong = User("positives", 10).label(concept, np.arange(N), seen, True, np.random.default_rng(0))
    assert sorted(right) == [20 * i for i in range(10)]
    assert not len(wrong)
    right, wrong = User("given", 5).label(concept, np.arange(N), NOTHING.copy(), True, np.random.default_rng(0))
    assert (len(right), len(wrong)) == (5, 100)
    assert concept.relevant[right].all()
    assert not concept.relevant[wrong].any()


def test_rounds_count_what_is_not_labelled_and_ignore_what_is_to_be_ignored() -> None:
    codes = np.random.default_rng(0).integers(0, 256, (N, 32)).astype(np.uint8)
    quantiser = Quantiser().fit(codes.astype(np.float32))
    relevant = codes[:, 0] > 200
    concept = replace(_concept(relevant), ignored=np.arange(N) < 50)
    catalogue = Catalogue("random", codes, quantiser, codes.astype(np.float32), [concept])
    labelled: list[np.ndarray] = []

    def model(_: Catalogue, __: Concept, labels) -> Outcome:  # type: ignore[no-untyped-def]
        labelled.append(np.concatenate([labels.right, labels.wrong]))
        return Outcome(relevant.astype(float), relevant, 0.0)

    records = list(simulate(catalogue, Search("random", 0, User("mixed", 10, rounds=3), 0), model))
    assert [record["labels"] for record in records] == [10, 20, 30]
    assert all(record["ap"] == record["f1"] == record["best_f1"] == 1 for record in records)
    assert all((rows >= 50).all() and len(set(rows)) == len(rows) for rows in labelled)
    again = list(simulate(catalogue, Search("random", 0, User("mixed", 10, rounds=3), 0), model))
    assert records == again


def test_published_boxes_hold_what_they_were_grown_around() -> None:
    x = np.array([[10.0], [20], [30], [40], [50], [60]])
    y = np.array([0, 1, 1, 1, 0, 1])
    low, high, score = grow_box(x, y, 2, 50, np.ones(2))
    assert (low[0], high[0]) == (15, 45)  # half-way to the wrong ones on both sides; not worth going on to 60
    assert score == pytest.approx(0.5 * 0 + 0.5 * (1 - (1 / 3) ** 2 - (2 / 3) ** 2))
    codes, clump = clumps(600)
    right, wrong = codes[clump == 0], codes[clump != 0]
    for fit in (published_branch, published_ensemble):
        votes, accepted = fit(right[:12], wrong[:60], np.random.default_rng(0))(codes)
        assert votes[clump == 0].mean() > 2 * votes[clump != 0].mean()
        assert 0 < accepted.sum() < 300


def test_intervals_are_of_paired_differences() -> None:
    low, high = bootstrap(np.full(20, 0.25))
    assert low == high == 0.25
    rows = [
        {"catalogue": "c", "user": "u", "round": 1, "model": model, "concept": concept, "ap": ap + concept / 10,
         "text_ap": 0.5, "labels": 10, "p60": 1.0, "best_f1": 1.0, "seconds": 0.1}
        for concept in range(5) for model, ap in (("auto", 0.45), ("a", 0.4), ("b", 0.3))
    ]  # fmt: skip
    table = compare(pd.DataFrame(rows), "auto", ["a", "b"])
    assert table.loc[0, "rival"] == "a"
    assert table.loc[0, ["difference", "low", "high"]].tolist() == pytest.approx([0.05] * 3)
    summary = summarise(pd.DataFrame(rows)).set_index("model")
    assert summary.loc["auto", "worse"] == pytest.approx(0.2)
