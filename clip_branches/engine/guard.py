"""Whether the labels say enough to leave the order that the words alone give.

An answer should not be worse for being labelled. Any turn away from the words changes the order of a catalogue; with a
few labels it is as likely a little worse as a little better. So the words' own order stays until a turn is worth more
than it by the labels' own account: by how likely each makes them (the Bayes factor; Kass and Raftery 1995), or, where
not nearly all marks are right, by which of the two ranks rightly what it has not seen of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.logistic import Vector
from clip_branches.engine.readings import Reading, Readings

_WORTH = 1.0  # log Bayes factor of all readings against the words alone
_DISPROVED = 3.0  # log Bayes factor of no words at all against them: strong, one to twenty
_MOSTLY = 2.0  # right marks for every wrong one
# By how much the share of pairs ranked rightly must rise, in 1 / sqrt(n) of the scarcer label's n: two thirds of the
# standard error that a chance ranking has (0.29 / sqrt(n); Hanley and McNeil 1982).
_RANKED = 0.2
_SAME = 0.98  # correlation with the text's scores above which a turn is too small for labels to vouch for


def worth_turning(readings: Readings, learned: Reading, correlation: float) -> bool:
    """Whether to answer with ``learned``, the mean of all readings and the clump, instead of the words alone.

    correlation: of its scores with the text's over the catalogue.
    """
    if readings.anchor is None:
        return True
    words = readings.words_alone()
    if learned.evidence - words > _WORTH:
        return True
    right, weight = readings.right, readings.weight
    # Where nearly all marks are right the words serve well, and a slip of the hand is all that speaks against them.
    if correlation > _SAME or weight[right].sum() > _MOSTLY * weight[~right].sum():
        return False
    if readings.nothing() - words > _DISPROVED:
        return True
    gained = ranked_rightly(learned.unseen, right) - ranked_rightly(readings.text, right)
    return bool(gained * np.sqrt(min(right.sum(), (~right).sum())) > _RANKED)


def ranked_rightly(scores: Vector, right: NDArray[np.bool_]) -> float:
    """Share of pairs of a right and a wrong image in which the right one is higher; a tie counts half (0 without)."""
    pairs = scores[right][:, None] - scores[~right]
    return float(((pairs > 0) + 0.5 * (pairs == 0)).mean()) if pairs.size else 0.0
