"""Where to cut the words' own order, from a few labels with slips among them."""

from __future__ import annotations

import numpy as np
import pytest

from clip_branches.engine.calibration import calibrate
from clip_branches.engine.cut import sigmoid


def f1(accepted: np.ndarray, truth: np.ndarray) -> float:
    return float(2 * (accepted & truth).sum() / (accepted.sum() + truth.sum()))


def case(seed: int, slope: float = 4.0, middle: float = 1.8) -> tuple[np.ndarray, np.ndarray]:
    """Scores of 6,000 images, and which of them are right."""
    generator = np.random.default_rng(seed)
    scores = generator.normal(size=6_000)
    return scores, generator.random(len(scores)) < sigmoid(slope * (scores - middle))


def lost(seed: int, slips: int = 0) -> float:
    """F1 short of the best cut, after ten labels of the first page."""
    scores, truth = case(seed)
    page = np.random.default_rng(seed).permutation(np.argsort(-scores)[:400])[:10]
    right = truth[page].copy()
    right[:slips] = ~right[:slips]
    found = calibrate(scores[::6], scores[page], right, np.ones(10), 3.0)
    best = max(f1(scores >= cut, truth) for cut in np.linspace(0, 3, 100))
    return best - f1(found.slope * scores + found.offset >= found.cut, truth)


def test_few_labels_find_nearly_the_best_cut() -> None:
    assert np.mean([lost(seed) for seed in range(20)]) < 0.05


def test_a_slip_moves_the_cut_little() -> None:
    assert np.mean([lost(seed, slips=1) for seed in range(20)]) < 0.05


@pytest.mark.parametrize("count", [1, 5, 60])
def test_right_labels_alone_do_not_let_everything_in(count: int) -> None:
    scores, _ = case(0)
    best = np.argsort(-scores)[:count]
    found = calibrate(scores[::6], scores[best], np.ones(count, bool), np.ones(count), 2.0)
    accepted = found.slope * scores + found.offset >= found.cut
    assert 0.002 < accepted.mean() < 0.3


def test_a_label_without_weight_says_nothing() -> None:
    scores, _ = case(0)
    right = np.array([True, False, True])
    some = calibrate(scores[:900], scores[:2], right[:2], np.ones(2), 2.0)
    more = calibrate(scores[:900], np.append(scores[:2], -9.0), right, np.array([1.0, 1.0, 0.0]), 2.0)
    assert (some.slope, some.offset, some.cut) == pytest.approx((more.slope, more.offset, more.cut))


@pytest.mark.parametrize(
    "rest", [np.zeros(30), np.array([0.0, 1.0]), np.full(5_000, 1e6), np.repeat([-50.0, 50.0], 40)]
)
def test_odd_catalogues_have_a_cut_all_the_same(rest: np.ndarray) -> None:
    with np.errstate(all="raise", under="ignore"):
        found = calibrate(rest, np.array([30.0, -40.0]), np.array([True, False]), np.ones(2), 1.0)
    assert np.isfinite([found.slope, found.offset, found.cut]).all()
    assert found.slope > 0
