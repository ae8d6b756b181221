"""Carving one box: cuts around a positive, each the one that leaves least impurity."""

from __future__ import annotations

import numpy as np
from numba import njit

TOGETHER = 4  # features whose codes are counted in one pass over the rows
_SLACK = 1e-9  # of impurity, for rounding
LEAST_GAIN = 1e-12  # of impurity that a cut must gain


@njit(nogil=True, cache=True, error_model="numpy")
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
def _sum_weights(columns, features, k, samples, size, sums):  # type: ignore[no-untyped-def]
    """``sums[j, v]`` and ``sums[j, 256 + v]`` = weight of the wrong and of the right rows whose code is v in feature
    ``k + j``; of how many features, at most ``TOGETHER``.

    samples: the rows, their weights, and 256 for a right one or 0. A sum waits for the one before it wherever their
    codes might be the same; those of several features do not wait for each other.
    """
    rows, weights, rights = samples
    left = features.shape[0] - k
    sums[:] = 0.0
    if left >= 4:
        a, b, c, d = features[k], features[k + 1], features[k + 2], features[k + 3]
        for i in range(np.uint64(size)):
            row, weight, right = np.uint64(rows[i]), weights[i], np.uint64(rights[i])
            sums[right + np.uint64(columns[a, row])] += weight
            sums[np.uint64(512) + right + np.uint64(columns[b, row])] += weight
            sums[np.uint64(1024) + right + np.uint64(columns[c, row])] += weight
            sums[np.uint64(1536) + right + np.uint64(columns[d, row])] += weight
        return 4
    if left >= 2:
        a, b = features[k], features[k + 1]
        for i in range(np.uint64(size)):
            row, weight, right = np.uint64(rows[i]), weights[i], np.uint64(rights[i])
            sums[right + np.uint64(columns[a, row])] += weight
            sums[np.uint64(512) + right + np.uint64(columns[b, row])] += weight
        return 2
    a = features[k]
    for i in range(np.uint64(size)):
        sums[np.uint64(rights[i]) + np.uint64(columns[a, np.uint64(rows[i])])] += weights[i]
    return 1


@njit(nogil=True, cache=True, inline="always")
def _best_cut(sums, at, low, value, high, in_p, in_n, all_p, all_n, steps):  # type: ignore[no-untyped-def]
    """Best cut of a feature that keeps ``value``: (impurity, side, border); side 0 raises low, 1 lowers high.

    sums: from ``at`` on, as of ``_sum_weights``; steps: scratch. Only cuts between different classes are weighed: as
    more rows of one class leave, the impurity is concave, so that it is least before the first or after the last of
    them (Fayyad and Irani 1992).
    """
    values, stay_p, stay_n, weighed = steps
    wrong, right = np.uint64(at), np.uint64(at + 256)
    all_ = all_p + all_n
    best, best_side, border = np.inf, 0, np.int64(0)
    for side in range(2):
        there = np.uint64(0)
        for i in range(
            np.uint64(value - low if side == 0 else high - value)
        ):  # without a branch: it could not be guessed
            left = np.uint64(low) + i if side == 0 else np.uint64(high) - i
            values[there] = left
            there += np.uint64(sums[right + left] + sums[wrong + left] > 0.0)
        if there == 0:
            continue
        # What stays inside before each value leaves, and after the last; then the impurity of all of them at once.
        p, n = in_p, in_n
        kind = np.int64(0)
        for i in range(there):
            leaving = np.uint64(values[i])
            pos, neg = sums[right + leaving], sums[wrong + leaving]
            now = np.int64(pos > 0.0) + 2 * np.int64(neg > 0.0)
            stay_p[i], stay_n[i] = p, n
            weighed[i] = 0.0 if (now != kind) | (kind == 3) else np.inf
            p -= pos
            n -= neg
            kind = now
        stay_p[there], stay_n[there], weighed[there] = p, n, 0.0
        weighed[0] = np.inf
        for i in range(there + np.uint64(1)):
            p, n = stay_p[i], stay_n[i]
            q, m = all_p - p, all_n - n
            inside = 2.0 * p * n / (p + n) if p + n > 0.0 else 0.0
            outside = 2.0 * q * m / (q + m) if q + m > 0.0 else 0.0
            weighed[i] += (inside + outside) / all_
        for i in range(there + np.uint64(1)):
            if weighed[i] < best:
                best, best_side, border = weighed[i], side, values[i - np.uint64(1)]
    border += 1 - 2 * best_side  # beyond the last value that goes
    return best, best_side, border


@njit(nogil=True, cache=True, inline="always")
def keep(columns, f, source, count, low, high, kept):  # type: ignore[no-untyped-def]
    """Samples within low..high go to the front of ``kept`` (may be ``source``): (how many, weights right, wrong)."""
    rows, weights, rights = source
    kept_rows, kept_weights, kept_rights = kept
    size = np.uint64(0)
    in_p, in_n = 0.0, 0.0
    span = np.uint8(high - low)
    for i in range(np.uint64(count)):  # without a branch: who stays could not be guessed
        row, weight, right = rows[i], weights[i], rights[i]
        stays = np.uint8(np.uint8(columns[f, np.uint64(row)]) - np.uint8(low)) <= span
        kept_rows[size], kept_weights[size], kept_rights[size] = row, weight, right
        size += np.uint64(stays)
        in_p += weight * np.float64(stays & (right != 0))
        in_n += weight * np.float64(stays & (right == 0))
    return np.int64(size), in_p, in_n


@njit(nogil=True, cache=True, error_model="numpy")
def best_cuts(  # type: ignore[no-untyped-def]
    columns, features, samples, size, centre, low, high, in_p, in_n, all_p, all_n, cuts, scratch
):
    """``cuts[f]`` = (impurity, side, border) of the best cut of each of the features within ``low[f]:high[f]``."""
    sums, steps = scratch
    k = 0
    while k < features.shape[0]:
        together = _sum_weights(columns, features, k, samples, size, sums)
        for j in range(together):
            f = np.int64(features[k + j])
            cuts[f, 0], cuts[f, 1], cuts[f, 2] = _best_cut(
                sums, 512 * j, low[f], np.int64(columns[f, centre]), high[f], in_p, in_n, all_p, all_n, steps
            )
        k += together


@njit(nogil=True, cache=True, error_model="numpy")
def least_of(cuts, features):  # type: ignore[no-untyped-def]
    """Place in ``features`` of the one whose cut leaves least impurity, the first on ties; -1 where none has a cut."""
    best, best_k = np.inf, -1
    for k in range(features.shape[0]):
        if cuts[np.int64(features[k]), 0] < best:
            best, best_k = cuts[np.int64(features[k]), 0], k
    return best_k


@njit(nogil=True, cache=True, inline="always")
def lost(current, in_p, in_n, all_p, all_n, wanted):  # type: ignore[no-untyped-def]
    """Whether the impurity will stay above ``wanted``, whatever is cut: concave in the rows of either class that are
    left, it is least where all of one class or none are."""
    return min(current, impurity(in_p, 0.0, all_p, all_n), impurity(0.0, in_n, all_p, all_n)) > wanted + _SLACK


@njit(nogil=True, cache=True, error_model="numpy")
def carve(  # type: ignore[no-untyped-def]
    columns, source, size, centre, features, in_p, in_n, all_p, all_n, current, cuts,
    low, high, inside, scratch, wanted,
):  # fmt: skip
    """Cut a box, ``low`` to ``high`` of each of the features, down around ``centre``, always by the side that leaves
    least impurity; returns it.

    source: the ``size`` rows inside the box, which weigh ``in_p`` and ``in_n`` and have the impurity ``current``. The
    first cut is looked up in ``cuts``. Infinity, and no whole box, where it is clear on the way that the impurity will
    stay above ``wanted``.
    """
    sums, steps = scratch
    first = True
    while in_n > 0.0:
        best, best_k, best_side, best_border = np.inf, -1, np.int64(0), np.int64(0)
        if first:
            best_k = least_of(cuts, features)
            if best_k >= 0:
                f = np.int64(features[best_k])
                best, best_side, best_border = cuts[f, 0], np.int64(cuts[f, 1]), np.int64(cuts[f, 2])
        else:
            k = 0
            while k < features.shape[0]:
                together = _sum_weights(columns, features, k, inside, size, sums)
                for j in range(together):
                    value = np.int64(columns[features[k + j], centre])
                    g, side, border = _best_cut(
                        sums, 512 * j, low[k + j], value, high[k + j], in_p, in_n, all_p, all_n, steps
                    )
                    if g < best:
                        best, best_k, best_side, best_border = g, k + j, side, border
                k += together
        if best_k < 0 or not best < current - LEAST_GAIN:
            break
        current = best
        if best_side == 0:
            low[best_k] = best_border
        else:
            high[best_k] = best_border
        f = np.int64(features[best_k])
        size, in_p, in_n = keep(columns, f, source if first else inside, size, low[best_k], high[best_k], inside)
        first = False
        if lost(current, in_p, in_n, all_p, all_n, wanted):
            return np.inf
    return current
