"""The numerical kernels behind the models, against slow twins and first principles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clip_branches.engine.cut import best_threshold, fit_offset, fit_scores, sigmoid, two_humps
from clip_branches.engine.kernels.carve import impurity
from clip_branches.engine.kernels.mixture import mixture_loss
from clip_branches.engine.logistic import fit_logistic, times
from tests import naive

weights = st.floats(0, 1e3)


@given(weights, weights, weights, weights)
@settings(max_examples=100, deadline=None)
def test_impurity_is_the_formula_of_the_method(right_in: float, wrong_in: float, right: float, wrong: float) -> None:
    right, wrong = right_in + right + 1e-3, wrong_in + wrong
    assert impurity(right_in, wrong_in, right, wrong) == pytest.approx(
        naive.impurity(right_in, wrong_in, right, wrong), abs=1e-9
    )


def _scores(share: float = 0.3, gap: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(5)
    right = generator.random(800) < share
    return generator.normal(size=800) + gap * right, right


def test_the_mixture_loss_is_the_likelihood_and_its_gradient_is_its_slope() -> None:
    scores, _ = _scores()
    right, wrong, at = np.array([3.0, 4.5]), np.array([0.5, 2.2, -1.0]), np.array([-1.0, 0.1, 0.2, 1.2])

    def loss(q: np.ndarray, label_weight: float = 3.0) -> float:
        return float(mixture_loss(q, scores, right, wrong, label_weight, 0.0, 0.0, np.empty(4), True))

    share, variance = 1 / (1 + np.exp(1.0)), np.exp(0.2)
    assert -loss(at, 0.0) == pytest.approx(
        naive.mixture_log_likelihood(scores, share, 0.1, 0.1 + np.exp(1.2), variance), rel=1e-9
    )
    gradient = np.empty(4)
    mixture_loss(at, scores, right, wrong, 3.0, 0.0, 0.0, gradient, False)
    slopes = [(loss(at + step) - loss(at - step)) / 2e-6 for step in np.eye(4) * 1e-6]
    assert gradient == pytest.approx(slopes, rel=1e-4)


def test_scores_of_two_clumps_are_told_apart_and_cut_in_the_gap() -> None:
    scores, right = _scores(share=0.1)
    mixture = fit_scores(scores, scores[right][:3], scores[~right][:3])
    accepted = mixture.log_odds(scores) >= best_threshold(mixture.log_odds(scores))
    assert 2 * (accepted & right).sum() / (accepted.sum() + right.sum()) > 0.9
    one_hump = np.random.default_rng(1).normal(size=800)
    assert two_humps(scores).gain > 20 > two_humps(one_hump).gain


@given(st.lists(st.floats(-8, 8), min_size=1, max_size=40))
@settings(max_examples=80, deadline=None)
def test_the_threshold_has_the_best_expected_f1(odds: list[float]) -> None:
    values = np.array(odds)
    share = sigmoid(values)

    def expected(threshold: float) -> float:
        accepted = values >= threshold
        return float(2 * share[accepted].sum() / (accepted.sum() + share.sum()))

    assert expected(best_threshold(values)) == pytest.approx(max(expected(value) for value in values), abs=1e-6)


def test_logistic_regression_is_at_its_mode_and_knows_a_score_had_the_row_been_unseen() -> None:
    generator = np.random.default_rng(2)
    x = generator.normal(size=(60, 6))
    right = (x @ generator.normal(size=6) + generator.normal(size=60) > 0).astype(float)
    weight, offset = generator.uniform(0.5, 1.5, 60), 0.3 * x[:, 0]
    factor = generator.normal(size=(6, 6))
    root = np.linalg.cholesky(factor @ factor.T + np.eye(6))
    fit = fit_logistic(x, right, weight, offset, root, 60)

    def penalised(w: np.ndarray, b: float) -> float:
        signed = (1 - 2 * right) * (x @ w + b + offset)
        v = np.linalg.solve(root, w)
        return float(weight @ np.logaddexp(0, signed) + 0.5 * v @ v + 0.005 * b * b)

    bias = float((fit.scores - offset - x @ fit.direction).mean())
    least = penalised(fit.direction, bias)
    for _ in range(50):
        assert penalised(fit.direction + 0.01 * generator.normal(size=6), bias + 0.01 * generator.normal()) >= least
    for row in range(0, 60, 6):
        kept = np.arange(60) != row
        without = fit_logistic(x[kept], right[kept], weight[kept], offset[kept], root, 59)
        b = float((without.scores - offset[kept] - x[kept] @ without.direction).mean())
        exact = x[row] @ without.direction + b + offset[row]
        assert fit.unseen[row] == pytest.approx(exact, abs=0.1 + 0.1 * abs(exact))


@given(st.lists(st.tuples(st.floats(-30, 30), st.booleans()), min_size=1, max_size=30))
@settings(max_examples=80, deadline=None)
def test_an_offset_makes_the_log_odds_of_labels_the_right_size(labels: list[tuple[float, bool]]) -> None:
    odds, right = np.array([odds for odds, _ in labels]), np.array([right for _, right in labels])
    offset = fit_offset(odds, right, np.ones(len(odds)))
    assert abs((sigmoid(odds + offset) - right).sum() + 0.01 * offset) < 1e-4


def test_a_product_is_a_product() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(7, 5)), generator.normal(size=(5, 3))
    assert np.allclose(times(a, b), a @ b)
