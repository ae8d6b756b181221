"""Where to cut a score so that the answer is complete but not diluted: the best expected F1.

The scores of random, unlabelled images are modelled as two normal distributions of one variance, wrong and right; the
labelled ones take part through P(right | score), which does not depend on how they were chosen to be labelled (their
frequencies do). With one variance the log odds are a straight line in the score, so the score can be put on that scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.kernels.mixture import fit_mixture

Vector = NDArray[np.float64]
_LABEL_WEIGHT = 3.0  # one label counts as so many unlabelled images
_PRIOR = (1.0, 15.0)  # pseudo-counts of right and wrong among the unlabelled
_STARTS = (0.02, 0.2)
_LEAST = np.array([-7.0, -np.inf, -np.inf, -1.5])
_MOST = np.array([1.0, np.inf, np.inf, 2.5])


@dataclass(frozen=True)
class Cut:
    """log odds of being right = slope * score + offset; accept where they reach ``threshold``."""

    slope: float
    offset: float
    threshold: float


def best_cut(unlabelled: Vector, right: Vector, wrong: Vector) -> Cut:
    """From scores of unlabelled images (m,), m >= 2, and of labelled ones, as if they had not been trained on."""
    scale = float(unlabelled.std()) or 1.0
    centre = float(unlabelled.mean())
    u, r, w = ((part - centre) / scale for part in (unlabelled, right, wrong))
    gap = max(float(r.mean()), 0.5)
    starts = [np.array([np.log(share / (1 - share)), 0.0, np.log(0.8), np.log(gap)]) for share in _STARTS]
    losses = [fit_mixture(start, _LEAST, _MOST, u, r, w, _LABEL_WEIGHT, *_PRIOR) for start in starts]
    eta, low, log_variance, log_gap = starts[int(np.argmin(losses))]
    slope = np.exp(log_gap - log_variance)
    offset = eta - slope * (low + np.exp(log_gap) / 2)
    threshold = _best_expected_f1(slope * u + offset)
    return Cut(float(slope / scale), float(offset - slope * centre / scale), threshold)


def _best_expected_f1(log_odds: Vector) -> float:
    """The threshold of largest expected F1 over these images: 2 sum accepted p / (accepted + sum p)."""
    falling = -np.sort(-log_odds)
    share = 1 / (1 + np.exp(-np.clip(falling, -40, 40)))
    f1 = 2 * np.cumsum(share) / (np.arange(1, len(share) + 1) + share.sum())
    best = int(np.argmax(f1))
    return float((falling[best] + falling[min(best + 1, len(falling) - 1)]) / 2)
