"""Figures of one ranking: average precision, and precision, recall and F1 at a cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def average_precision(relevant: NDArray[np.bool_], scores: Vector) -> float:
    """Area under precision and recall; images of equal score share one step, as in scikit-learn."""
    hits, taken = _steps(relevant, scores)
    if not len(hits) or hits[-1] == 0:
        return float("nan")
    gained = np.diff(hits, prepend=0)
    return float((gained * hits / taken).sum() / hits[-1])


def precision_at(relevant: NDArray[np.bool_], scores: Vector, k: int) -> float:
    """Share of relevant ones among the best k, ties in row order."""
    return float(relevant[np.argsort(-scores, kind="stable")[:k]].mean())


def at_cut(relevant: NDArray[np.bool_], accepted: NDArray[np.bool_]) -> dict[str, float]:
    """recall, precision (1 for an empty answer) and f1."""
    right = float((relevant & accepted).sum())
    return {
        "recall": right / relevant.sum(),
        "precision": right / accepted.sum() if accepted.any() else 1.0,
        "f1": 2 * right / (relevant.sum() + accepted.sum()),
    }


def best_f1(relevant: NDArray[np.bool_], scores: Vector) -> float:
    """The F1 of the best cut that this order allows: more than its user could know how to choose."""
    hits, taken = _steps(relevant, scores)
    return float((2 * hits / (taken + relevant.sum())).max())


def _steps(relevant: NDArray[np.bool_], scores: Vector) -> tuple[Vector, Vector]:
    """Hits and images taken at every distinct score, from the highest."""
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
    return np.cumsum(relevant[order])[last].astype(np.float64), (last + 1).astype(np.float64)
