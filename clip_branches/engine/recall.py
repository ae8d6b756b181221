"""How complete an answer is, from random samples labelled by a person: an interval for its recall and its precision.

An answer splits the catalogue in two: the images that it holds and those outside. From each side images are drawn at
random without replacement and labelled. How many right ones a side of ``size`` images holds, R, is then unknown only
as far as the sample leaves it open. With k of n drawn images right, the drawn sequence has the likelihood
    L(R) = R!/(R-k)! (size-R)!/(size-R-n+k)! / (size!/(size-n)!),
and for a prior over R the ratio  m / L(R),  m = sum_R prior(R) L(R),  is a martingale under the true R as the sample
grows (Waudby-Smith and Ramdas, "Confidence sequences for sampling without replacement", NeurIPS 2020). By Ville's
inequality it ever reaches 1/alpha with probability alpha at most: so the set of all R with m / L(R) < 1/alpha holds the
truth at every moment at once, with probability 1 - alpha. A person may therefore look after each label and stop when
the interval is narrow enough, which an interval for a fixed sample size does not allow.

Recall depends on both sides. The mean of their two ratios is a martingale as well, so with probability 1 - alpha the
true pair (R inside, R outside) always has a mean below 1/alpha; recall is least and greatest over those pairs.

The priors are beta-binomial: few right outside, most right inside. They only decide how narrow the intervals are; the
coverage holds whatever the truth.

Assumed: the labels are true; the images were drawn at random and judged in the order drawn; the answer was fixed
before. It is not assumed that the model's scores mean anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clip_branches.errors import InvalidInput

ALPHA = 0.05
# (a, b) of the beta distribution of the share of right ones.
PRIOR_OUTSIDE = (0.1, 1.0)
PRIOR_INSIDE = (1.0, 0.1)
_GRID = 256

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Side:
    """One side of an answer: ``size`` images not labelled before, of which ``judged`` were drawn and ``right`` right.

    ``known`` right ones on this side were labelled before; they are certain, and not in ``size``.
    """

    size: int
    judged: int
    right: int
    known: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.right <= self.judged <= self.size and self.known >= 0):
            raise InvalidInput(
                "A sample must have 0 <= right <= judged <= size and known >= 0. "
                f"Got right {self.right}, judged {self.judged}, size {self.size}, known {self.known} instead."
            )

    @property
    def wrong(self) -> int:
        return self.judged - self.right

    @property
    def likely(self) -> float:
        """The share of right ones in the sample, taken for the whole side."""
        return self.known + (self.size * self.right / self.judged if self.judged else 0.0)


@dataclass(frozen=True)
class Interval:
    """Where a number lies with 95 % confidence, and its plain estimate, None where nothing was sampled for it."""

    low: float
    high: float
    estimate: float | None


@dataclass(frozen=True)
class Completeness:
    """``recall``: the share of all right images that the answer holds; ``precision``: of the answer that is right;
    ``missing``: right images outside of it, a number of images."""

    recall: Interval
    precision: Interval
    missing: Interval


def completeness(inside: Side, outside: Side, answer: int, *, alpha: float = ALPHA) -> Completeness:
    """Intervals from both samples; each holds at every sample size at once with probability 1 - ``alpha``.

    answer: images in the answer, those labelled before included. Recall is 1 where there is nothing to find.
    """
    into, out = _Ratio(inside, PRIOR_INSIDE), _Ratio(outside, PRIOR_OUTSIDE)
    in_low, in_high = into.within(float(-np.log(alpha)))
    out_low, out_high = out.within(float(-np.log(alpha)))
    recall_low, recall_high = _recall(into, out, 2 / alpha)
    judged = inside.judged + outside.judged > 0
    found, missed = inside.likely, outside.likely
    size = max(answer, 1)
    return Completeness(
        recall=Interval(
            recall_low, recall_high, _share(found, found + missed) if judged and (inside.judged or found) else None
        ),
        precision=Interval(
            (inside.known + in_low) / size,
            min(1.0, (inside.known + in_high) / size),
            min(1.0, found / size) if inside.judged else None,
        ),
        missing=Interval(outside.known + out_low, outside.known + out_high, outside.likely if outside.judged else None),
    )


def more_for(inside: Side, outside: Side, answer: int, target: float, *, most: int = 2_000) -> int | None:
    """How many more images from outside, all of them wrong, would bring the lower end of recall to ``target``.

    0 where it is there; None where ``most`` more would not do.
    """

    def reached(more: int) -> bool:
        judged = min(outside.size, outside.judged + more)
        then = Side(outside.size, judged, outside.right, outside.known)
        return completeness(inside, then, answer).recall.low >= target

    low, high = 0, min(most, outside.size - outside.judged)
    if reached(0):
        return 0
    if not reached(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


class _Ratio:
    """log(m / L(R)) of one side: falls, then rises with R."""

    def __init__(self, side: Side, prior: tuple[float, float]) -> None:
        self.side = side
        k, w = side.right, side.wrong
        self.first, self.last = float(k), float(side.size - w)  # the R that the sample leaves possible
        a, b = prior
        self._log_m = _log_beta(a + k, b + w) - _log_beta(a, b)
        self._log_all = float(_falling(np.array([float(side.size)]), side.judged)[0])
        # L is largest at the whole number by (size + 1) k / n.
        peak = np.floor((side.size + 1) * k / side.judged) if side.judged else self.first
        self.peak = float(np.clip(peak, self.first, self.last))
        self.least = float(self(np.array([self.peak]))[0])

    def __call__(self, right: Vector) -> Vector:
        side = self.side
        if not side.judged:
            return np.zeros(len(right))
        likelihood = _falling(right, side.right) + _falling(side.size - right, side.wrong) - self._log_all
        return self._log_m - likelihood

    def within(self, budget: float) -> tuple[float, float]:
        """The least and the greatest R whose ratio stays below ``budget``."""
        budgets = np.array([budget])
        return float(self.lowest(budgets)[0]), float(self.highest(budgets)[0])

    def highest(self, budgets: Vector) -> Vector:
        return self._edge(budgets, self.last)

    def lowest(self, budgets: Vector) -> Vector:
        return self._edge(budgets, self.first)

    def _edge(self, budgets: Vector, end: float) -> Vector:
        """From the peak towards ``end``, the last whole R whose ratio is below each budget, by halving."""
        inner = np.full(len(budgets), self.peak)
        outer = np.full(len(budgets), end)
        done = self(outer[:1])[0] < budgets
        for _ in range(int(abs(end - self.peak)).bit_length() + 1):
            middle = np.floor((inner + outer) / 2) if end > self.peak else np.ceil((inner + outer) / 2)
            ok = self(middle) < budgets
            inner = np.where(ok, middle, inner)
            outer = np.where(ok, outer, middle)
        return np.where(done, end, inner)


def _recall(into: _Ratio, out: _Ratio, budget: float) -> tuple[float, float]:
    """The least and the greatest recall over the pairs (R inside, R outside) whose ratios add up to less than budget.

    R inside runs over a grid whose cells are judged by their more favourable end, so that no pair is left out.
    """
    in_low, in_high = into.within(float(np.log(budget)))
    edges = np.unique(np.round(np.concatenate([np.linspace(in_low, in_high, _GRID), [into.peak]])))
    ratios = into(edges)
    # In a cell the ratio is least at one of its ends: it falls up to the peak, which is an edge, and rises behind it.
    cells = np.minimum(ratios[:-1], ratios[1:]) if len(edges) > 1 else ratios
    left, right = (edges[:-1], edges[1:]) if len(edges) > 1 else (edges, edges)
    room = np.log(np.maximum(budget - np.exp(cells), np.exp(out.least) * (1 + 1e-9)))
    known_in, known_out = into.side.known, out.side.known
    worst, best = known_out + out.highest(room), known_out + out.lowest(room)
    low = min(_share(known_in + a, known_in + a + b) for a, b in zip(left.tolist(), worst.tolist(), strict=True))
    high = max(_share(known_in + a, known_in + a + b) for a, b in zip(right.tolist(), best.tolist(), strict=True))
    return low, high


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 1.0


def _falling(x: Vector, k: int) -> Vector:
    """log of x (x - 1) ... (x - k + 1) = log x!/(x - k)!, for x >= k."""
    return _log_gamma(x + 1) - _log_gamma(x - k + 1)


def _log_beta(a: float, b: float) -> float:
    g = _log_gamma(np.array([a, b, a + b]))
    return float(g[0] + g[1] - g[2])


def _log_gamma(x: Vector) -> Vector:
    """Stirling's series behind a shift by 12, exact to 1e-12 for x > 0 (Abramowitz and Stegun 6.1.41)."""
    shifted = x + 12.0
    product = np.ones_like(x)
    for step in range(12):
        product = product * (x + step)
    inverse = 1 / shifted
    square = inverse * inverse
    series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))
    result: Vector = (shifted - 0.5) * np.log(shifted) - shifted + 0.5 * np.log(2 * np.pi) + series - np.log(product)
    return result
