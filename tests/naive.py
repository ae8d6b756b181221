"""Slow, obvious twins of the engine: what its answers are by definition. Tests compare ``ref`` with ``comp``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from clip_branches.engine import Box


def inside(box: Box, code: Any) -> bool:
    """Closed bounds on every feature."""
    return all(low <= int(code[f]) <= high for f, low, high in zip(box.features, box.low, box.high, strict=True))


def hits(boxes: Sequence[Box], codes: np.ndarray) -> np.ndarray:
    """In how many boxes each row lies."""
    return np.array([sum(inside(box, code) for box in boxes) for code in codes], dtype=np.int64)


def query(boxes: Sequence[Box], codes: np.ndarray) -> tuple[list[int], list[int]]:
    found = hits(boxes, codes)
    rows = [row for row in range(len(codes)) if found[row] > 0]
    return rows, [int(found[row]) for row in rows]


def count(boxes: Sequence[Box], codes: np.ndarray) -> list[int]:
    return [sum(inside(box, code) for code in codes) for box in boxes]


def branch_votes(branches: Sequence[Sequence[Box]], codes: np.ndarray) -> np.ndarray:
    """How many BRANCHES hold each row: several boxes of one branch are one vote."""
    return np.array([sum(any(inside(box, code) for box in boxes) for boxes in branches) for code in codes])


def linear_scores(codes: np.ndarray, weights: Any, bias: float) -> np.ndarray:
    """bias + w0 c0 + w1 c1 + ..., rounded to float32 after every step, in that order."""
    weights = np.asarray(weights, np.float32)
    scores = np.full(len(codes), np.float32(bias), np.float32)
    for d in range(codes.shape[1]):
        scores = scores + weights[d] * codes[:, d].astype(np.float32)
    return scores


def nearest(scores: np.ndarray, k: int) -> list[int]:
    """Highest score first, ties by row ascending."""
    return sorted(range(len(scores)), key=lambda row: (-float(scores[row]), row))[:k]


def best_first(rows: Sequence[int], scores: Sequence[float]) -> list[int]:
    return [row for _, row in sorted(zip((-float(s) for s in scores), rows, strict=True))]


def impurity(right_in: float, wrong_in: float, right: float, wrong: float) -> float:
    """Section 3 of the method: sum over inside and outside of weight * (1 - sum p_k^2), over the whole weight."""
    total = 0.0
    for p, n in ((right_in, wrong_in), (right - right_in, wrong - wrong_in)):
        if p + n > 0:
            total += (p + n) * (1 - (p / (p + n)) ** 2 - (n / (p + n)) ** 2)
    return total / (right + wrong)


def mixture_log_likelihood(scores: np.ndarray, share: float, low: float, high: float, variance: float) -> float:
    """Of two normal distributions of one variance, ``share`` of the rows in the higher one."""

    def density(mean: float) -> np.ndarray:
        return np.exp(-((scores - mean) ** 2) / (2 * variance)) / np.sqrt(variance)

    return float(np.log(share * density(high) + (1 - share) * density(low)).sum())
