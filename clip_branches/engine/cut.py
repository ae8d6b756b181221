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
LABEL_WEIGHT = 3.0  # one label counts as so many unlabelled images
_PRIOR = (1.0, 8.0)  # pseudo-counts of right and wrong among the unlabelled
_SHARES = (0.02, 0.2)  # of right ones, where the search for a fit starts
# (log odds of the share, mean of the wrong, log variance, log distance of the means), in units of the scores' sd
_LEAST = np.array([-7.0, -3.0, -6.0, -1.5])
_MOST = np.array([1.0, 3.0, 1.0, 2.5])
_SLIPS = 10  # one label in so many may be a slip
_ABOVE = 0.05
_GIVEN_UP = 0.05  # of the expected F1, for a cut that lies between the labels
_NEWTON = 60
_OFFSET_PENALTY = 0.01  # an offset of 10 is nothing out of the ordinary
_NONE = np.zeros(0)


@dataclass(frozen=True)
class Mixture:
    """Log odds of being right = ``slope * score + offset``; ``state`` starts the next fit near this one."""

    slope: float
    offset: float
    state: Vector

    def log_odds(self, scores: Vector) -> Vector:
        return self.slope * scores + self.offset


def fit_scores(unlabelled: Vector, right: Vector, wrong: Vector, start: Vector | None = None) -> Mixture:
    """From scores of unlabelled images (m,), m >= 2, and of labelled ones, as if they had not been trained on."""
    scale, centre = _scale(unlabelled)
    u, r, w = ((part - centre) / scale for part in (unlabelled, right, wrong))
    starts = [start.copy()] if start is not None else _starts(max(float(r.mean()), 0.5))
    losses = [fit_mixture(state, _LEAST, _MOST, u, r, w, LABEL_WEIGHT, *_PRIOR) for state in starts]
    state = starts[int(np.argmin(losses))]
    eta, low, log_variance, log_gap = state
    slope = np.exp(log_gap - log_variance)
    offset = eta - slope * (low + np.exp(log_gap) / 2)
    return Mixture(float(slope / scale), float(offset - slope * centre / scale), state)


@dataclass(frozen=True)
class Humps:
    """Two normal distributions of one variance against one: ``gain`` is the log likelihood ratio, >= 0, in nats;
    ``apart`` the distance of their means in standard deviations of one; ``middle`` the score half-way between."""

    gain: float
    apart: float
    middle: float


def two_humps(unlabelled: Vector) -> Humps:
    """How well two humps tell the scores of unlabelled images (m,), m >= 2."""
    scale, centre = _scale(unlabelled)
    u = (unlabelled - centre) / scale
    starts = _starts(1.5)
    losses = [fit_mixture(state, _LEAST, _MOST, u, _NONE, _NONE, 0.0, 1.0, 1.0) for state in starts]
    best = int(np.argmin(losses))
    _, low, log_variance, log_gap = starts[best]
    gain = max(0.0, 0.5 * len(u) - losses[best] + 2 * np.log(2))  # the last term: the prior at equal shares
    middle = centre + scale * (low + np.exp(log_gap) / 2)
    return Humps(float(gain), float(np.exp(log_gap - log_variance / 2)), float(middle))


def best_threshold(log_odds: Vector) -> float:
    """The log odds from which to accept for the largest expected F1: 2 sum accepted p / (accepted + sum p)."""
    falling = -np.sort(-log_odds)
    best = int(np.argmax(_expected_f1(falling)))
    return float((falling[best] + falling[min(best + 1, len(falling) - 1)]) / 2)


def worth_moving(threshold: float, moved: float, log_odds: Vector) -> bool:
    """Whether accepting from ``moved`` on instead of ``threshold`` costs little of the expected F1."""
    falling = -np.sort(-log_odds)
    f1 = np.append(0.0, _expected_f1(falling))  # with so many accepted
    before, after = (f1[np.count_nonzero(falling >= cut)] for cut in (threshold, moved))
    return bool(after >= (1 - _GIVEN_UP) * before)


def _expected_f1(falling: Vector) -> Vector:
    """The expected F1 with the first 1, 2, ... images of falling log odds accepted."""
    share = sigmoid(falling)
    f1: Vector = 2 * np.cumsum(share) / (np.arange(1, len(share) + 1) + share.sum())
    return f1


def fit_offset(log_odds: Vector, right: NDArray[np.bool_], weight: Vector) -> float:
    """What to add to the log odds (n,) of labelled images, weight (n,), so that they are of the right size."""
    offset = 0.0
    for _ in range(_NEWTON):
        share = sigmoid(log_odds + offset)
        slope = weight @ (share - right) + _OFFSET_PENALTY * offset
        step = slope / (weight @ (share * (1 - share)) + _OFFSET_PENALTY)
        offset -= float(np.clip(step, -1.0, 1.0))  # far out the curve is flat and a whole step would overshoot
        if abs(step) < 1e-6:
            break
    return offset


def room_between(right: Vector, wrong: Vector) -> tuple[float, float]:
    """(highest wrong, lowest right) score of the labelled images; there is room for a cut where the first is lower.

    One label in ten of each class may be a slip and is not heeded. Without wrong labels the first is -inf.
    """
    lowest = float(np.sort(right)[len(right) // _SLIPS])
    highest = float(np.sort(wrong)[len(wrong) - 1 - len(wrong) // _SLIPS]) if len(wrong) else -np.inf
    return highest, lowest


def between_labels(threshold: float, right: Vector, wrong: Vector) -> float:
    """``threshold``, moved as little as needed to lie between the labelled classes, where their scores leave room.

    Without this a score whose humps are not the two classes would accept what the user has just marked wrong.
    """
    highest, lowest = room_between(right, wrong)
    if highest >= lowest:
        return threshold
    # Just above the wrong one, not at it: what is at the threshold is accepted.
    above = highest + _ABOVE * (lowest - highest) if np.isfinite(highest) else -np.inf
    return float(np.clip(threshold, above, lowest))


def sigmoid(x: Vector) -> Vector:
    """1 / (1 + exp(-x)), kept off 0 and 1."""
    return 1 / (1 + np.exp(-np.clip(x, -40, 40)))


def sigmoid_in_place(x: Vector) -> None:
    """``x`` becomes ``sigmoid(x)``, to the last bit, without another array."""
    np.clip(x, -40, 40, out=x)
    np.negative(x, out=x)
    np.exp(x, out=x)
    x += 1
    np.divide(1, x, out=x)


def _scale(scores: Vector) -> tuple[float, float]:
    return float(scores.std()) or 1.0, float(scores.mean())


def _starts(gap: float) -> list[Vector]:
    gap = min(max(gap, np.exp(_LEAST[3])), np.exp(_MOST[3]))
    return [np.array([np.log(share / (1 - share)), 0.0, np.log(0.8), np.log(gap)]) for share in _SHARES]
