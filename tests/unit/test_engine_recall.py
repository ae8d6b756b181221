"""The interval for how much an answer misses, against first principles."""

from __future__ import annotations

import math

import numpy as np
import pytest

from clip_branches.engine.recall import PRIOR_INSIDE, PRIOR_OUTSIDE, Side, _log_gamma, _Ratio, completeness, more_for
from clip_branches.errors import InvalidInput


def test_log_gamma_is_that_of_the_standard_library() -> None:
    x = np.array([0.1, 0.5, 1, 2, 3.7, 12, 400, 1e5, 1e8])
    assert np.allclose(_log_gamma(x), [math.lgamma(v) for v in x], rtol=1e-12, atol=1e-12)


def test_the_ratio_is_the_marginal_over_the_likelihood() -> None:
    """Against plain products of probabilities and sums over all R, for every R of a small side."""
    side = Side(size=9, judged=4, right=1)
    ratio = _Ratio(side, PRIOR_OUTSIDE)

    def likelihood(right: int) -> float:
        # One order of drawing: the right one first, then three wrong ones.
        rest = 9 - right
        return right / 9 * rest / 8 * (rest - 1) / 7 * (rest - 2) / 6

    def beta_binomial(right: int, a: float, b: float) -> float:
        beta = lambda p, q: math.gamma(p) * math.gamma(q) / math.gamma(p + q)  # noqa: E731
        return math.comb(9, right) * beta(right + a, 9 - right + b) / beta(a, b)

    prior = [beta_binomial(r, *PRIOR_OUTSIDE) for r in range(10)]
    assert math.isclose(sum(prior), 1)
    marginal = sum(p * likelihood(r) for r, p in enumerate(prior))
    possible = range(1, 7)
    assert np.allclose(
        ratio(np.array(possible, float)), [math.log(marginal / likelihood(r)) for r in possible], atol=1e-10
    )


def test_the_intervals_are_those_of_every_pair_tried() -> None:
    """The grid and the halvings leave no pair out, and take none in that is far."""
    inside, outside = Side(40, 12, 9, known=3), Side(70, 20, 2, known=1)
    into, out = _Ratio(inside, PRIOR_INSIDE), _Ratio(outside, PRIOR_OUTSIDE)
    ratios_in = {r: math.exp(into(np.array([float(r)]))[0]) for r in range(9, 38)}
    ratios_out = {r: math.exp(out(np.array([float(r)]))[0]) for r in range(2, 53)}
    recalls = [(3 + i) / (3 + i + 1 + o) for i in ratios_in for o in ratios_out if ratios_in[i] + ratios_out[o] < 40]
    found = completeness(inside, outside, answer=50)
    assert found.recall.low <= min(recalls) < found.recall.low + 0.02
    assert found.recall.high - 0.02 < max(recalls) <= found.recall.high
    possible = [o for o, ratio in ratios_out.items() if ratio < 20]
    assert (found.missing.low, found.missing.high) == (1 + min(possible), 1 + max(possible))
    assert found.precision.low == pytest.approx((3 + min(i for i, ratio in ratios_in.items() if ratio < 20)) / 50)


def test_nothing_judged_says_nothing() -> None:
    found = completeness(Side(100, 0, 0, known=5), Side(900, 0, 0), answer=105)
    assert (found.recall.low, found.recall.high, found.recall.estimate) == (5 / 905, 1.0, None)
    assert (found.missing.low, found.missing.high, found.missing.estimate) == (0, 900, None)
    assert found.precision.estimate is None


def test_everything_judged_says_all() -> None:
    found = completeness(Side(20, 20, 15), Side(30, 30, 5), answer=20)
    assert found.recall.low == found.recall.high == found.recall.estimate == 0.75
    assert found.missing.low == found.missing.high == 5


def test_an_answer_without_anything_to_find_is_complete() -> None:
    assert completeness(Side(0, 0, 0), Side(50, 50, 0), answer=0).recall.low == 1


def test_more_labels_narrow_the_interval() -> None:
    widths = []
    for judged in (10, 40, 160, 640):
        found = completeness(Side(1_000, judged, judged), Side(50_000, judged, 0), answer=1_000)
        widths.append(found.recall.high - found.recall.low)
    assert widths == sorted(widths, reverse=True)


def test_more_for_says_how_many_would_do() -> None:
    inside, outside = Side(800, 40, 38, known=10), Side(4_000, 20, 0)
    more = more_for(inside, outside, 810, 0.8)
    assert more is not None
    assert more > 0

    def low(judged: int) -> float:
        return completeness(inside, Side(4_000, judged, 0), 810).recall.low

    assert low(20 + more) >= 0.8 > low(20 + more - 1)
    assert more_for(inside, Side(4_000, 3_999, 0), 810, 0.5) == 0
    assert more_for(inside, Side(10**9, 10, 5), 810, 0.9) is None


@pytest.mark.parametrize("values", [(10, 11, 0), (10, 5, 6), (10, -1, 0), (10, 3, -1)])
def test_a_sample_that_cannot_be_is_refused(values: tuple[int, int, int]) -> None:
    with pytest.raises(InvalidInput, match="0 <= right <= judged <= size"):
        Side(*values)
