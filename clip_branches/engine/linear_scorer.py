"""A linear score on the codes, anchored on the text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from clip_branches.engine.checks import (
    DIMS,
    Floats,
    Rows,
    check_codes,
    check_labels,
    check_linear,
    check_weights,
)
from clip_branches.engine.kernels.linear import score_codes
from clip_branches.errors import InvalidInput

if TYPE_CHECKING:
    from clip_branches.engine.index import BoxIndex


class LinearScorer(BaseEstimator):  # type: ignore[misc]
    """Score ``bias_ + sum_d weights_[d] * code[d]``; rows at or above ``threshold_`` are accepted.

    Parameters
    ----------
    anchor : ndarray of shape (32,), optional
        The query's unit vector: the direction that few labels must argue against.
    quantiser : optional
        What turned vectors into codes (``low_`` and ``step_`` of shape (32,)); without one, codes stand for vectors.

    Attributes
    ----------
    weights_ : ndarray of shape (32,), float32;  bias_ : float32;  threshold_ : float32
    """

    def __init__(self, anchor: Any = None, quantiser: Any = None, ridge: float = 1.0) -> None:
        self.anchor = anchor
        self.quantiser = quantiser
        self.ridge = ridge

    def fit(self, codes: Any, labels: Any, sample_weight: Any = None, unlabelled: Any = None) -> Self:
        """Learn from codes uint8 (n, 32) with labels 0/1 (n,), at least one of them 1.

        unlabelled: codes uint8 (m, 32) drawn at random from the catalogue, mostly but not surely wrong.
        """
        codes = check_codes(codes, "LinearScorer.fit")
        positive = check_labels(labels, len(codes), "LinearScorer.fit")
        weight = check_weights(sample_weight, len(codes), "LinearScorer.fit")
        rest = check_codes(
            np.zeros((0, DIMS), np.uint8) if unlabelled is None else unlabelled, "LinearScorer.fit", empty=True
        )
        low, step = self._affine()
        x = low + step * codes.astype(np.float64)
        u = low + step * rest.astype(np.float64)
        everything = np.vstack([x, u])
        scale = np.sqrt(everything.var(axis=0).mean()) + 1e-9
        centre = everything.mean(axis=0)
        prior = np.zeros(DIMS)
        if self.anchor is not None:
            anchor = np.asarray(self.anchor, dtype=np.float64)
            prior = anchor / (np.linalg.norm(anchor) + 1e-12)
        w, b = _logistic(
            (everything - centre) / scale,
            np.concatenate([positive, np.zeros(len(u), bool)]),
            np.concatenate([weight, np.full(len(u), 0.1)]),
            prior,
            self.ridge,
        )
        self._store(w / scale, b - (w / scale) @ centre, low, step, 0.0)
        return self

    def _affine(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self.quantiser is None:
            return np.full(DIMS, -1.0), np.full(DIMS, 1 / 127.5)
        return np.asarray(self.quantiser.low_, np.float64), np.asarray(self.quantiser.step_, np.float64)

    def _store(self, w: NDArray[np.float64], b: float, low: Any, step: Any, threshold: float) -> None:
        self.weights_: Floats
        self.bias_: np.float32
        self.weights_, self.bias_ = check_linear(w * step, float(b + w @ low), "LinearScorer.fit")
        self.threshold_ = np.float32(threshold)
        self.n_features_in_ = DIMS

    def decision_function(self, codes: Any) -> Floats:
        """Scores, float32 (n,), of codes uint8 (n, 32)."""
        checked = check_codes(codes, "LinearScorer.decision_function", empty=True)
        self._require_fit()
        out = np.empty(len(checked), np.float32)
        score_codes(checked, self.weights_, self.bias_, out)
        return out

    def predict(self, codes: Any) -> NDArray[np.int64]:
        """1 where the score reaches ``threshold_``, else 0: int64 (n,)."""
        return (self.decision_function(codes) >= self.threshold_).astype(np.int64)

    def accept(self, index: BoxIndex) -> tuple[Rows, Floats, None]:
        """Accepted rows ascending and their scores."""
        self._require_fit()
        rows, scores = index.above(self.weights_, float(self.bias_), float(self.threshold_))
        return rows, scores, None

    def _require_fit(self) -> None:
        if not hasattr(self, "weights_"):
            raise InvalidInput("This LinearScorer must be fitted before it can answer: call fit(codes, labels) first.")


def _logistic(
    x: NDArray[np.float64],
    positive: NDArray[np.bool_],
    weight: NDArray[np.float64],
    prior: NDArray[np.float64],
    ridge: float,
) -> tuple[NDArray[np.float64], float]:
    """Class-balanced logistic regression pulled towards ``prior`` by ``ridge``: Newton's method, (w, b)."""
    y = positive.astype(np.float64)
    weight = weight.copy()
    for side in (positive, ~positive):
        if weight[side].sum() > 0:
            weight[side] *= positive.sum() / weight[side].sum()
    features = np.column_stack([x, np.ones(len(x))])
    target = np.append(prior, 0.0)
    penalty = np.full(len(target), ridge)
    penalty[-1] = 1e-3
    theta = target.copy()
    for _ in range(25):
        p = 1 / (1 + np.exp(-np.clip(features @ theta, -30, 30)))
        gradient = features.T @ (weight * (p - y)) + penalty * (theta - target)
        curvature = (features * (weight * p * (1 - p))[:, None]).T @ features + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        theta -= step
        if np.abs(step).max() < 1e-8:
            break
    return theta[:-1], float(theta[-1])
