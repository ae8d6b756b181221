"""The published decision branches (CLIP-Branches, SIGIR 2024), made anew from their description: the peer to beat.

A branch grows boxes bottom-up around uncovered positives, over one of 104 feature subsets each, by weighted Gini
impurity; a single branch filters what its impure boxes return with decision trees; an ensemble has 25 branches on
bootstrap samples, and a majority of them decides. The order of an answer is the number of boxes (of branches, for the
ensemble) that hold an image.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

_SHAPE = ((64, 4), (32, 6), (8, 8))
_BRANCHES = 25
_MAX_BOXES = 30
_FAILURES = 5

Codes = NDArray[np.uint8]
Range = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]  # features, low, high
Boxes = list[Range]
Predict = Callable[[Codes], tuple[NDArray[np.float64], NDArray[np.bool_]]]  # votes (n,), accepted (n,)


def published_branch(right: Codes, wrong: Codes, generator: np.random.Generator) -> Predict:
    """One branch over all subsets, with top-down refinement of the boxes that still hold wrong ones."""
    x, y = _sample(right, wrong)
    boxes = _grow(x, y, _subsets(), generator, share=1.0)
    filters = [_refinement(x, y, box) for box in boxes]

    def predict(codes: Codes) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        votes = np.zeros(len(codes))
        for box, tree in zip(boxes, filters, strict=True):
            inside = np.flatnonzero(_inside(codes, box))
            if tree is not None and len(inside):
                inside = inside[tree.predict(codes[inside]) == 1]
            votes[inside] += 1
        return votes, votes > 0

    return predict


def published_ensemble(right: Codes, wrong: Codes, generator: np.random.Generator) -> Predict:
    """25 branches on bootstrap samples, half of the subsets each; accepted is what more than half of them hold."""
    x, y = _sample(right, wrong)
    branches = []
    while len(branches) < _BRANCHES:
        drawn = generator.integers(0, len(x), len(x))
        if y[drawn].any():
            branches.append(_grow(x[drawn], y[drawn], _subsets(), generator, share=0.5))

    def predict(codes: Codes) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        votes = np.zeros(len(codes))
        for boxes in branches:
            votes += np.any([_inside(codes, box) for box in boxes], axis=0)
        return votes, votes > _BRANCHES / 2

    return predict


def _sample(right: Codes, wrong: Codes) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    return np.vstack([right, wrong]).astype(np.float64), np.repeat([1, 0], [len(right), len(wrong)])


def _subsets() -> list[NDArray[np.int64]]:
    generator = np.random.default_rng(0)
    return [generator.choice(32, size, replace=False) for count, size in _SHAPE for _ in range(count)]


def _inside(codes: Codes, box: Range) -> NDArray[np.bool_]:
    features, low, high = box
    held = np.ones(len(codes), bool)
    for f, least, most in zip(features, low, high, strict=True):
        held &= (codes[:, f] >= least) & (codes[:, f] <= most)
    return held


def _refinement(
    x: NDArray[np.float64],
    y: NDArray[np.int64],
    box: Range,
) -> DecisionTreeClassifier | None:
    held = _inside(x, box)  # type: ignore[arg-type]
    return DecisionTreeClassifier(random_state=0).fit(x[held], y[held]) if (y[held] == 0).any() else None


def _grow(
    x: NDArray[np.float64],
    y: NDArray[np.int64],
    subsets: list[NDArray[np.int64]],
    generator: np.random.Generator,
    share: float,
) -> Boxes:
    """Boxes until every positive is covered."""
    most = min(50, int(1.5 * y.sum()))
    weight = len(y) / (2 * np.maximum(np.bincount(y, minlength=2), 1))  # balanced classes
    boxes: Boxes = []
    left = np.ones(len(y), bool)
    failures = 0
    while (left & (y == 1)).any() and len(boxes) < _MAX_BOXES and left.sum() > 1 and failures < _FAILURES:
        rows = np.flatnonzero(left)
        here, truth = x[rows], y[rows]
        centre = int(generator.choice(np.flatnonzero(truth == 1)))
        tried = generator.permutation(len(subsets))[: max(1, round(share * len(subsets)))]
        best = (np.inf, 99)
        for number in tried:
            features = generator.permutation(subsets[number])
            part = np.ascontiguousarray(here[:, features])
            low, high, score = grow_box(part, truth, centre, most, weight)
            if (score, len(features)) < best:
                best, box = (score, len(features)), (features, np.ceil(low), np.floor(high))
        held = _inside(here, box)  # type: ignore[arg-type]
        failures = 0 if (held & (truth == 1)).any() else failures + 1
        left[rows[held]] = False
        boxes.append(box)
    return boxes


@njit(cache=True)
def _impurity(inside_right, inside_wrong, right, wrong, weight):  # type: ignore[no-untyped-def]
    """Weighted Gini impurity of inside and outside; lower is better."""
    total, weights = 0.0, 0.0
    for r, w in ((inside_right, inside_wrong), (right - inside_right, wrong - inside_wrong)):
        if r + w > 0:
            heavy = (r * weight[1] + w * weight[0]) / (right + wrong)
            p = r * weight[1] / (r * weight[1] + w * weight[0])
            total += heavy * (1 - p * p - (1 - p) * (1 - p))
            weights += heavy
    return total / weights


@njit(cache=True)
def grow_box(x, y, centre, most, weight):  # type: ignore[no-untyped-def]
    """(low, high, score) of a box around row ``centre`` of x (n, d), y 0/1 (n,): closed borders, at half way."""
    n, d = x.shape
    c = x[centre]
    low, high = np.zeros(d), np.full(d, 255.0)
    same = np.ones(n, np.bool_)
    for f in range(d):  # start: just short of the nearest sample, else at the next positive
        below, above, right_below, right_above = -1.0, 256.0, -1.0, 256.0
        for i in range(n):
            v = x[i, f]
            if same[i]:
                if below < v < c[f]:
                    below = v
                if c[f] < v < above:
                    above = v
            if y[i] == 1:
                if right_below < v < c[f]:
                    right_below = v
                if c[f] < v < right_above:
                    right_above = v
        low[f] = (below + c[f]) / 2 if below >= 0 else max(right_below, 0.0)
        high[f] = (above + c[f]) / 2 if above <= 255 else min(right_above, 255.0)
        for i in range(n):
            same[i] = same[i] and x[i, f] == c[f]
    right, wrong = (y == 1).sum(), (y == 0).sum()
    score = 1.0
    for f in range(d):
        for side in range(2):
            candidates = np.empty(n, np.int64)
            count, any_right, inside_right, inside_wrong = 0, False, 0, 0
            for i in range(n):
                held = True
                for g in range(d):
                    if g != f and not low[g] <= x[i, g] <= high[g]:
                        held = False
                        break
                if not held:
                    continue
                v = x[i, f]
                if low[f] <= v <= high[f]:
                    inside_right += y[i]
                    inside_wrong += 1 - y[i]
                elif (v < low[f]) == (side == 0):
                    candidates[count] = i
                    count += 1
                    any_right = any_right or y[i] == 1
            score = _impurity(inside_right, inside_wrong, right, wrong, weight)
            if count == 0:  # nothing is left outside: open
                if side == 0:
                    low[f] = 0.0
                else:
                    high[f] = 255.0
            if not any_right:
                continue
            outward = candidates[:count][np.argsort(np.abs(x[candidates[:count], f] - c[f]))]
            best, taken, values, position = score, -1.0, 0, 0
            after = -1.0  # the first value left out; none where the best prefix takes all
            while position < count and values < most:
                v = x[outward[position], f]
                while position < count and x[outward[position], f] == v:
                    inside_right += y[outward[position]]
                    inside_wrong += 1 - y[outward[position]]
                    position += 1
                values += 1
                now = _impurity(inside_right, inside_wrong, right, wrong, weight)
                if now < best:
                    best, taken = now, v
                    after = x[outward[position], f] if position < count else -1.0
            if taken >= 0:
                score = best
                if side == 0:
                    low[f] = (taken + after) / 2 if after >= 0 else 0.0
                else:
                    high[f] = (taken + after) / 2 if after >= 0 else 255.0
    return low, high, score
