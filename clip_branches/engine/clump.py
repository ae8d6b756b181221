"""A clump of the catalogue that the labels point at.

Concepts tend to be clumps: along the right direction the scores of random images have two humps, along a direction
that is a little off they blur into one. From a direction that the labels gave, expectation maximisation of two normal
distributions of one covariance (Dempster et al. 1977) turns to the clump near it. It sees no label on its way, so
how well the clump tells the labels apart is honest evidence, weighed against every other reading of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.cut import fit_scores, sigmoid, two_humps
from clip_branches.engine.kernels.clump import turn_to_clump
from clip_branches.engine.logistic import Vector, times
from clip_branches.engine.readings import Reading

_STEPS = 40
_RIDGE = 0.05  # of the mean variance, added to every axis
_SLIPS = (0.02, 0.1, 0.3)  # a label in so many is given at random; how many is not known, each is as likely
# Images of the sample that a clump must hold: so many for each dimension, or, of a small sample, such a part. Who
# belongs to a smaller one is mostly chance.
_MEMBERS, _PART = 1.5, 0.1
_EMPTY = 1e-6
_MOST = 0.5  # of the catalogue: the rest of a clump, "all but the clocks", is not what anyone looks for
_WANTED = 1e-3  # prior probability that a clump is what is wanted: a catalogue has many


def find_clump(start: Reading, x: Vector, right: NDArray[np.bool_], rest: Vector, covariance: Vector) -> Reading:
    """The clump near the direction of a reading, as a reading of its own.

    x (n, d), right (n,): labelled; rest (m, d): random images; all centred; covariance (d, d) of the catalogue.
    """
    size = len(covariance)
    ridge = _RIDGE * np.trace(covariance) / size
    inverse = np.linalg.inv(covariance + ridge * np.eye(size))
    direction = start.direction.copy()
    along = times(rest, direction[:, None])[:, 0]
    inside = sigmoid(fit_scores(along, start.unseen[right], start.unseen[~right]).log_odds(along))
    columns = np.ascontiguousarray(rest.T)
    slope, offset = turn_to_clump(rest, columns, inverse, covariance, direction, inside, _STEPS, _EMPTY)
    scores = times(x, direction[:, None])[:, 0]
    said = sigmoid(np.where(right, 1.0, -1.0) * (slope * scores + offset))
    told = [np.log((1 - slip) * said + slip / 2).sum() for slip in _SLIPS]
    # The clump must show by more than a free direction gains by chance (Schwarz 1978), and is then as likely as it
    # tells the labels apart.
    shows = two_humps(times(rest, direction[:, None])[:, 0]).gain - 0.5 * size * np.log(len(rest))
    evidence = min(0.0, shows) + np.log(_WANTED) + np.logaddexp.reduce(told) - np.log(len(_SLIPS))
    if inside.mean() > _MOST or inside.sum() < min(_MEMBERS * size, _PART * len(rest)):
        evidence = -np.inf
    return Reading(direction, scores, scores, max(slope, _EMPTY), float(evidence), 0.0)
