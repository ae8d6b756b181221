"""Bayesian logistic regression from a handful of labels: the mode, its evidence, and leave-one-out scores.

Model: P(right | x) = sigmoid(o + x.w + b), w ~ N(0, C), b ~ N(0, 100), with a fixed offset o (what the text alone
would say). C = L L^T is folded into the rows (z = x L), so the penalty is a plain ridge. Laplace's approximation
gives the evidence (MacKay 1992); one Newton step from the mode gives what a row's score would be, had it not been seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.kernels.newton import matrix_product, newton_logistic

Vector = NDArray[np.float64]
_BIAS_PENALTY = 0.01
_MOST_LEVERAGE = 0.95


@dataclass(frozen=True)
class Fit:
    """direction w (d,) in the space of x (without the offset), log evidence; of the first k rows: scores, and unseen
    scores (k,), what the score of each would be had the row not been trained on."""

    direction: Vector
    evidence: float
    scores: Vector
    unseen: Vector


def fit_logistic(x: Vector, right: Vector, weight: Vector, offset: Vector, root: Vector, k: int) -> Fit:
    """x (n, d); right 0/1 (n,); weight (n,) >= 0; offset (n,); root L (d, d) of the prior covariance of w."""
    rows = np.column_stack([times(x, root), np.ones(len(x))])
    penalty = np.append(np.ones(x.shape[1]), _BIAS_PENALTY)
    leverage = np.empty(k)
    theta, scores, loss, log_determinant = newton_logistic(rows, right, weight, offset, penalty, leverage)
    evidence = -loss - 0.5 * log_determinant + 0.5 * np.log(penalty).sum()
    share = 1 / (1 + np.exp(-np.clip(scores[:k], -40, 40)))
    pull = np.minimum(leverage * weight[:k] * share * (1 - share), _MOST_LEVERAGE)
    unseen = scores[:k] + leverage * weight[:k] * (share - right[:k]) / (1 - pull)
    return Fit(times(root, theta[:-1, None])[:, 0], float(evidence), scores[:k], unseen)


def times(a: Vector, b: Vector) -> Vector:
    """Matrix product in one thread and one order, so that an answer depends on nothing but its input."""
    product: Vector = matrix_product(np.ascontiguousarray(a), np.ascontiguousarray(b))
    return product
