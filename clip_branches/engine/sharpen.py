"""Turning a direction learned from few labels towards the gap in the catalogue that it points at.

Concepts tend to be clumps: along the right direction the scores of random images have two humps, along a direction
that is a little off they blur into one. From the labels' direction, each step asks which images it would call right,
takes the direction that tells those from the rest (Fisher's, with the whole covariance), and goes most of the way
there: a soft k-means of two clumps, the labels weighing in. What it finds counts as far as it really shows two humps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.cut import Vector, fit_scores, sigmoid, two_humps
from clip_branches.engine.logistic import times

_STEPS = 15
_STRIDE = 0.8  # how far a step goes; the rest stays with the labels' direction
_LABEL = 2.0  # one label counts as so many unlabelled images
_SHRINKAGE = 0.05
_HALF_TRUST = 80.0  # log likelihood ratio of two humps against one at which both directions count the same


def sharpen(
    direction: Vector, rest: Vector, labelled: Vector, right: NDArray[np.bool_], shift: Vector, covariance: Vector
) -> tuple[Vector, float]:
    """A direction (d,) of unit sd, and how much of it still hangs on the single labels, 0 to 1.

    rest (m, d), labelled (n, d): centred; shift (n,): unseen minus seen scores along ``direction``. A clump of hundreds
    of images does not move when one label is left out, so the shift counts only as far as the labels' own direction.
    """
    ridge = _SHRINKAGE * np.trace(covariance) / len(covariance)
    inverse = np.linalg.inv(covariance + ridge * np.eye(len(covariance)))
    right_sum, wrong_sum = (_LABEL * labelled[side].sum(axis=0) for side in (right, ~right))
    right_count, wrong_count = _LABEL * right.sum(), _LABEL * (~right).sum()
    total = rest.sum(axis=0)
    current, state, hanging = direction, None, 1.0
    for _ in range(_STEPS):
        unseen = times(labelled, current[:, None])[:, 0] + hanging * shift
        scores = times(rest, current[:, None])[:, 0]
        mixture = fit_scores(scores, unseen[right], unseen[~right], state)
        state = mixture.state
        share = sigmoid(mixture.log_odds(scores))
        inside = times(share[None], rest)[0]
        mean_right = (inside + right_sum) / (share.sum() + right_count)
        mean_wrong = (total - inside + wrong_sum) / ((1 - share).sum() + wrong_count)
        found = unit(times(inverse, (mean_right - mean_wrong)[:, None])[:, 0], covariance)
        moved = unit(_STRIDE * found + (1 - _STRIDE) * direction, covariance)
        settled = np.abs(moved - current).max() < 1e-4 * np.abs(moved).max()
        current, hanging = moved, 1 - _STRIDE
        if settled:
            break
    gain = two_humps(times(rest, current[:, None])[:, 0]).gain
    before = _surprise(direction, rest, labelled, right, shift)
    after = _surprise(current, rest, labelled, right, hanging * shift)
    trust = gain / (gain + _HALF_TRUST) * float(np.exp(-max(0.0, after - before)))
    return unit(trust * current + (1 - trust) * direction, covariance), 1 - trust * _STRIDE


def _surprise(direction: Vector, rest: Vector, labelled: Vector, right: NDArray[np.bool_], shift: Vector) -> float:
    """Negative log likelihood of the labels along a direction: a gap that cuts across them is another concept's."""
    unseen = times(labelled, direction[:, None])[:, 0] + shift
    odds = fit_scores(times(rest, direction[:, None])[:, 0], unseen[right], unseen[~right]).log_odds(unseen)
    return float(np.logaddexp(0, np.where(right, -odds, odds)).sum())


def unit(direction: Vector, covariance: Vector) -> Vector:
    """Scaled to unit standard deviation over the catalogue (unchanged where it has none)."""
    return direction / (float(np.sqrt(direction @ covariance @ direction)) or 1.0)
