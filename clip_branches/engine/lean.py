"""Spending separation to spare on the words of the query.

Where the labels find a clump that stands far apart (every picture of one drawing style, say), nothing is left of the
query in the order of the answer: a search for boats would show that style's clocks before its boats. A gap so wide
has separation to spare. So the direction leans towards the text as far as the two humps stay clearly apart: whom it
accepts stays as it was, and among those the ones that match the words come first.
"""

from __future__ import annotations

from clip_branches.engine.cut import Vector, two_humps
from clip_branches.engine.logistic import times
from clip_branches.engine.readings import unit

# Distance of the humps, in their standard deviations, that the leaning must leave: at 5 the midpoint is 2.5 away
# from each, where 0.6 % of a normal distribution is on the wrong side.
_APART = 5.0
# Log likelihood ratio of two humps against one below which there is no gap to speak of.
_SURE = 80.0
# The words may have a gap of their own; the leaned direction must still show the one that the labels found.
_SAME = 0.99
_LEANINGS = (1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12)


def lean(direction: Vector, anchor: Vector, rest: Vector, covariance: Vector) -> Vector:
    """``direction`` (d,), leaning towards ``anchor`` (d,); both of unit sd over ``rest`` (m, d), centred.

    The result has unit sd. It is ``direction`` itself where the gap is too narrow to give anything away.
    """
    scores = times(rest, direction[:, None])[:, 0]
    humps = two_humps(scores)
    if humps.gain < _SURE or humps.apart < _APART:
        return direction
    inside = scores > humps.middle
    for leaning in _LEANINGS:
        leaned = unit(direction + leaning * anchor, covariance)
        scores = times(rest, leaned[:, None])[:, 0]
        humps = two_humps(scores)
        same = ((scores > humps.middle) == inside).mean()
        if humps.gain >= _SURE and humps.apart >= _APART and same >= _SAME:
            return leaned
    return direction
