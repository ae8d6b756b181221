"""Carving one box: cuts around a positive, each the one that leaves least impurity."""

from __future__ import annotations

import numpy as np
from numba import njit

_SLACK = 1e-9  # of impurity, for rounding


@njit(nogil=True, cache=True)
def impurity(in_p, in_n, all_p, all_n):  # type: ignore[no-untyped-def]
    """Weighted Gini impurity of a box and its outside (lower is better): in_p, in_n are the weights inside."""
    total = 0.0
    for p, n in ((in_p, in_n), (all_p - in_p, all_n - in_n)):
        if p + n > 0.0:
            total += 2.0 * p * n / (p + n)  # side weight times 1 - sum p_k^2
    return total / (all_p + all_n)


# What follows is called some thousand times a box: on the rows that are left, side by side with their weights and with
# what tells right from wrong, and inlined, as a call with arrays counts a reference to each of them.
@njit(nogil=True, cache=True, inline="always")
def _best_cut(columns, f, samples, size, low, value, high, in_p, in_n, all_p, all_n, scratch):  # type: ignore[no-untyped-def]
    """Best cut of feature ``f`` that keeps ``value``: (impurity, side, border); side 0 raises low, 1 lowers high.

    samples: the rows inside, their weights, and 256 for a right one or 0. Only cuts between different classes are
    weighed: as more rows of one class leave, the impurity is concave, so that it is least before the first or
    after the last of them (Fayyad and Irani 1992).
    """
    rows, weights, rights = samples
    sums, values = scratch
    for v in range(np.uint64(low), np.uint64(high + 1)):
        sums[v] = 0.0
        sums[np.uint64(256) + v] = 0.0
    for i in range(np.uint64(size)):
        sums[np.uint64(rights[i]) + np.uint64(columns[f, np.uint64(rows[i])])] += weights[i]
    best, best_side, border = np.inf, 0, np.int64(0)
    for side in range(2):
        there = np.int64(0)
        for i in range(
            np.uint64(value - low if side == 0 else high - value)
        ):  # without a branch: it could not be guessed
            left = np.uint64(low) + i if side == 0 else np.uint64(high) - i
            values[there] = left
            there += np.int64(sums[np.uint64(256) + left] + sums[left] > 0.0)
        p, n = in_p, in_n
        kind, gone = np.int64(0), np.int64(0)
        for i in range(there):
            leaving = values[i]
            pos, neg = sums[np.uint64(256 + leaving)], sums[np.uint64(leaving)]
            now = np.int64(pos > 0.0) + 2 * np.int64(neg > 0.0)
            if i > 0 and (now != kind or kind == 3):
                g = impurity(p, n, all_p, all_n)
                if g < best:
                    best, best_side, border = g, side, gone
            p -= pos
            n -= neg
            kind, gone = now, leaving
        if there > 0:
            g = impurity(p, n, all_p, all_n)
            if g < best:
                best, best_side, border = g, side, gone
    border += 1 - 2 * best_side  # beyond the last value that goes
    return best, best_side, border


@njit(nogil=True, cache=True, inline="always")
def _keep(columns, f, source, count, low, high, kept):  # type: ignore[no-untyped-def]
    """Samples within low..high go to the front of ``kept`` (may be ``source``): (how many, weights right, wrong)."""
    rows, weights, rights = source
    kept_rows, kept_weights, kept_rights = kept
    size = 0
    in_p, in_n = 0.0, 0.0
    for i in range(count):
        row = rows[i]
        if low <= columns[f, row] <= high:
            weight, right = weights[i], rights[i]
            kept_rows[size], kept_weights[size], kept_rights[size] = row, weight, right
            size += 1
            if right:
                in_p += weight
            else:
                in_n += weight
    return size, in_p, in_n


@njit(nogil=True, cache=True)
def first_cuts(columns, alive, count, centre, all_p, all_n, cuts, scratch):  # type: ignore[no-untyped-def]
    """``cuts[f]`` = (impurity, side, border) of the best cut of each feature of the whole space."""
    for f in range(columns.shape[0]):
        value = np.int64(columns[f, centre])
        cuts[f, 0], cuts[f, 1], cuts[f, 2] = _best_cut(
            columns, f, alive, count, 0, value, 255, all_p, all_n, all_p, all_n, scratch
        )


@njit(nogil=True, cache=True)
def carve(  # type: ignore[no-untyped-def]
    columns, alive, count, centre, features, all_p, all_n, cuts, low, high, inside, scratch, wanted,
):  # fmt: skip
    """Cut the whole space down to a box around ``centre``, always by the side that leaves least impurity; returns it.

    The first cut is looked up in ``cuts``: it is the same for every subset with that feature. Infinity, and no whole
    box, where it is clear on the way that the impurity will stay above ``wanted``.
    """
    low[:] = 0
    high[:] = 255
    size = count
    in_p, in_n = all_p, all_n
    current = impurity(in_p, in_n, all_p, all_n)
    first = True
    while in_n > 0.0:
        best, best_k, best_side, best_border = np.inf, -1, np.int64(0), np.int64(0)
        for k in range(features.shape[0]):
            f = np.int64(features[k])
            if first:
                g, side, border = cuts[f, 0], np.int64(cuts[f, 1]), np.int64(cuts[f, 2])
            else:
                g, side, border = _best_cut(
                    columns, f, inside, size, low[k], np.int64(columns[f, centre]), high[k],
                    in_p, in_n, all_p, all_n, scratch,
                )  # fmt: skip
            if g < best:
                best, best_k, best_side, best_border = g, k, side, border
        if best_k < 0 or not best < current - 1e-12:
            break
        current = best
        if best_side == 0:
            low[best_k] = best_border
        else:
            high[best_k] = best_border
        f = np.int64(features[best_k])
        size, in_p, in_n = _keep(columns, f, alive if first else inside, size, low[best_k], high[best_k], inside)
        first = False
        # Concave in the rows of either class that are left, impurity is least where all of one class or none are.
        if min(current, impurity(in_p, 0.0, all_p, all_n), impurity(0.0, in_n, all_p, all_n)) > wanted + _SLACK:
            return np.inf
    return current
