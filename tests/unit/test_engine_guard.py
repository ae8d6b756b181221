"""The words' own order stays until the labels are worth more than it by their own account."""

from __future__ import annotations

import numpy as np
import pytest

from clip_branches.engine.guard import ranked_rightly
from clip_branches.engine.linear_scorer import LinearScorer

DIMS = 32
TEXT, OWN = np.eye(DIMS)[0], np.eye(DIMS)[1]


def catalogue() -> np.ndarray:
    """Codes of 1,500 random rows."""
    return np.random.default_rng(3).integers(90, 166, size=(1_500, DIMS)).astype(np.uint8)


def answer(codes: np.ndarray, chosen: np.ndarray, right: np.ndarray, anchor: np.ndarray | None = TEXT) -> np.ndarray:
    scorer = LinearScorer(anchor=anchor).fit(codes[chosen], right.astype(int), unlabelled=codes[:1_000])
    return np.corrcoef(scorer.decision_function(codes), codes[:, 0])[0, 1]


@pytest.mark.parametrize("seed", range(4))
def test_labels_that_agree_with_the_words_leave_their_order_alone(seed: int) -> None:
    codes = catalogue()
    spread = codes[:, 0] + np.random.default_rng(seed).normal(0, 8, len(codes))
    chosen = np.random.default_rng(seed).permutation(np.argsort(-codes[:, 0].astype(int)))[:20]
    assert answer(codes, chosen, spread[chosen] > 140) == pytest.approx(1, abs=1e-6)


def test_one_slip_among_right_marks_changes_no_order() -> None:
    codes = catalogue()
    page = np.argsort(-codes[:, 0].astype(int), kind="stable")[:20]
    for slip in range(20):
        assert answer(codes, page, np.arange(20) != slip) == pytest.approx(1, abs=1e-6)


def test_labels_that_speak_clearly_against_the_words_are_heard() -> None:
    codes = catalogue()
    chosen = np.random.default_rng(0).permutation(len(codes))[:60]
    assert abs(answer(codes, chosen, codes[chosen, 1] > 140)) < 0.5


def test_a_search_by_labels_alone_has_no_words_to_keep() -> None:
    codes = catalogue()
    chosen = np.random.default_rng(0).permutation(len(codes))[:10]
    assert answer(codes, chosen, np.arange(10) < 5, anchor=None) < 0.9


def test_pairs_ranked_rightly() -> None:
    right = np.array([True, True, False, False])
    assert ranked_rightly(np.array([3.0, 2.0, 1.0, 0.0]), right) == 1
    assert ranked_rightly(np.array([1.0, 0.0, 1.0, 0.0]), right) == 0.5
    assert ranked_rightly(np.array([0.0, 0.0, 1.0, 1.0]), right) == 0
    assert ranked_rightly(np.ones(4), np.ones(4, bool)) == 0
