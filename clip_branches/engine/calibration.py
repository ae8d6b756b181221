"""How sure the text's score is, and where to cut it: every steepness and every middle that the labels leave possible.

P(right | score s) = sigmoid(slope (s - middle)). A few labels of a first page say little of either, so no single fit
is believed. A grid of both is weighed by how well each explains the labels, slips of any rate allowed, times a prior:
how steep scores usually are, or flat where the words may say nothing of what is wanted, and how large a share of the
catalogue is usually right, which over the scores of random images follows from the two. The cut is the one of best
expected F1, averaged over the grid (Bayesian decision theory; Lewis 1995 for the expected F1 of a cut).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.cut import sigmoid, sigmoid_in_place
from clip_branches.engine.logistic import Vector, times

_SLIPS = (0.02, 0.1, 0.3)  # a label in so many is given at random; how many is not known, each is as likely
_SHARE = (-2.9, 0.9)  # log share of right ones in a catalogue: mean and sd over concepts
_STEEPER = 0.3  # a reading's slope is evened out by what labels leave open, which the grid does by itself
_STEEPNESS = 0.8  # sd of the log slope around a reading's
_SLOPES = np.exp(np.linspace(-2.5, 3.0, 14))
_FLAT = np.exp(-1.5)  # a slope up to here says next to nothing
_MIDDLES = np.linspace(
    -4.0, 4.0, 33
)  # from the right labels; sd of the catalogue, or of the log odds where they are flat
_ENOUGH = 700  # scores that stand for the catalogue
_TINY = 1e-300
_LEAST = 1e-3  # of the likeliest: what is less likely has no say in the cut


@dataclass(frozen=True)
class Calibration:
    """Log odds of being right = ``slope * score + offset``, accepted from ``cut`` (in log odds) on."""

    slope: float
    offset: float
    cut: float


def calibrate(
    rest: Vector, labelled: Vector, right: NDArray[np.bool_], weight: Vector, slope: float, silent: float = 0.0
) -> Calibration:
    """From scores of unit sd: of random images (m,), m >= 2, and of labelled ones (n,), as if not trained on.

    weight (n,) >= 0; slope > 0: what a reading of the labels made of it; silent, 0 to 1: the prior probability that
    the scores say nothing of what is right.
    """
    falling = -np.sort(-rest)[:: -(-len(rest) // _ENOUGH)]
    log_slope = np.log(_SLOPES)
    centre = np.average(labelled[right], weights=weight[right] + _TINY)
    middles = centre + _MIDDLES * np.maximum(1.0, 1 / _SLOPES)[:, None]  # (slopes, middles)
    share = np.empty((*middles.shape, len(falling)))  # (slopes, middles, m)
    for slope_share, each, own in zip(share, _SLOPES, middles, strict=True):  # a slope at a time fits the cache
        np.subtract(falling, own[:, None], out=slope_share)
        slope_share *= each
        sigmoid_in_place(slope_share)
    log_share = np.log(share.mean(axis=2))
    # The prior is of the share, the grid is of the middle: a step of one is so large a step of the other.
    stretch = np.abs(np.gradient(log_share, axis=1))
    prior = np.log(stretch + 1e-12) - 0.5 * ((log_share - _SHARE[0]) / _SHARE[1]) ** 2
    prior += np.log(_steepness(slope, silent))[:, None]
    signed = np.where(right, 1.0, -1.0) * (labelled - middles[:, :, None])
    said = sigmoid(_SLOPES[:, None, None] * signed)
    told = [(weight * np.log((1 - slip) * said + slip / 2)).sum(axis=2) for slip in _SLIPS]
    held = prior + np.logaddexp.reduce(told)
    held = np.exp(held - held.max())
    mean_slope = float(np.exp((held * log_slope[:, None]).sum() / held.sum()))
    middle = float((held * middles).sum() / held.sum())
    likely = held > _LEAST
    share = share[likely]
    expected = np.arange(1, len(falling) + 1) + share.sum(axis=1)[:, None]
    f1 = np.cumsum(share, axis=1, out=share)
    f1 *= 2
    f1 /= expected
    best = int(np.argmax(times(held[likely][None], f1)[0]))
    cut = (falling[best] + falling[min(best + 1, len(falling) - 1)]) / 2
    return Calibration(mean_slope, -mean_slope * middle, float(mean_slope * (cut - middle)))


def _steepness(slope: float, silent: float) -> Vector:
    """Prior probability of each slope of the grid."""
    usual = np.exp(-0.5 * ((np.log(_SLOPES) - np.log(slope) - _STEEPER) / _STEEPNESS) ** 2)
    flat = (_SLOPES <= _FLAT * (1 + 1e-9)).astype(np.float64)
    prior: Vector = (1 - silent) * usual / max(usual.sum(), _TINY) + silent * flat / flat.sum()
    return np.maximum(prior, _TINY)
