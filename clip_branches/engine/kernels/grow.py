"""Growing one decision branch: boxes carved around positives, each over one feature subset."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def _impurity(in_p, in_n, all_p, all_n):  # type: ignore[no-untyped-def]
    """Weighted Gini impurity of a box and its outside (lower is better): in_p, in_n are the weights inside."""
    total = 0.0
    for p, n in ((in_p, in_n), (all_p - in_p, all_n - in_n)):
        if p + n > 0.0:
            total += 2.0 * p * n / (p + n)  # side weight times 1 - sum p_k^2
    return total / (all_p + all_n)


@njit(nogil=True, cache=True)
def _best_cut(pos, neg, low, value, high, in_p, in_n, all_p, all_n):  # type: ignore[no-untyped-def]
    """Best cut of one feature that keeps ``value``: (impurity, side, border); side 0 raises low, 1 lowers high."""
    best, side, border = np.inf, 0, 0
    p, n = in_p, in_n
    for v in range(low, value):
        if pos[v] > 0.0 or neg[v] > 0.0:
            p -= pos[v]
            n -= neg[v]
            g = _impurity(p, n, all_p, all_n)
            if g < best:
                best, side, border = g, 0, v + 1
    p, n = in_p, in_n
    for v in range(high, value, -1):
        if pos[v] > 0.0 or neg[v] > 0.0:
            p -= pos[v]
            n -= neg[v]
            g = _impurity(p, n, all_p, all_n)
            if g < best:
                best, side, border = g, 1, v - 1
    return best, side, border


@njit(nogil=True, cache=True)
def _carve(columns, weight, positive, alive, centre, features, all_p, all_n, low, high, rows):  # type: ignore[no-untyped-def]
    """Cut the whole space down to a box around ``centre``, always by the side that leaves the least impurity."""
    size = alive.shape[0]
    rows[:size] = alive
    low[:] = 0
    high[:] = 255
    in_p, in_n = all_p, all_n
    current = _impurity(in_p, in_n, all_p, all_n)
    pos = np.empty(256)
    neg = np.empty(256)
    while in_n > 0.0:
        best, best_k, best_side, best_border = np.inf, -1, 0, 0
        for k in range(features.shape[0]):
            column = columns[features[k]]
            pos[:] = 0.0
            neg[:] = 0.0
            for i in range(size):
                row = rows[i]
                if positive[row]:
                    pos[column[row]] += weight[row]
                else:
                    neg[column[row]] += weight[row]
            g, side, border = _best_cut(
                pos, neg, low[k], np.int64(column[centre]), high[k], in_p, in_n, all_p, all_n
            )  # fmt: skip
            if g < best:
                best, best_k, best_side, best_border = g, k, side, border
        if best_k < 0 or not best < current - 1e-12:
            break
        current = best
        column = columns[features[best_k]]
        if best_side == 0:
            low[best_k] = best_border
        else:
            high[best_k] = best_border
        kept = 0
        in_p = 0.0
        in_n = 0.0
        for i in range(size):
            row = rows[i]
            if low[best_k] <= column[row] <= high[best_k]:
                rows[kept] = row
                kept += 1
                if positive[row]:
                    in_p += weight[row]
                else:
                    in_n += weight[row]
        size = kept
    return size


@njit(nogil=True, cache=True)
def _relax(columns, positive, features, low, high, rows, size, slack, spread):  # type: ignore[no-untyped-def]
    """Move each cut border out to where the class is expected to end, not where its few samples do.

    k samples of a range underestimate it by about their mean gap on each side (range / (k - 1)); one sample says
    nothing, so the dimension's own spread stands in.
    """
    for k in range(features.shape[0]):
        column = columns[features[k]]
        count = 0
        least, most = np.int64(255), np.int64(0)
        for i in range(size):
            if positive[rows[i]]:
                value = np.int64(column[rows[i]])
                if value < least:
                    least = value
                if value > most:
                    most = value
                count += 1
        gap = (most - least) / (count - 1) if count > 1 else spread[features[k]]
        reach = np.int64(slack * gap)
        if low[k] > 0:
            low[k] = max(0, min(low[k], least - reach))
        if high[k] < 255:
            high[k] = min(255, max(high[k], most + reach))


@njit(nogil=True, cache=True)
def grow_branch(  # type: ignore[no-untyped-def]
    columns, weight, positive, seeds, subset_starts, subset_features, allowed, max_boxes, max_failures, slack, spread,
):  # fmt: skip
    """Boxes until every positive is covered: (features (b, most), lows, highs, sizes (b,)).

    columns: uint8 (dims, n); weight: float64 (n,), 0 leaves a sample out; positive: uint8 (n,); seeds: the positives in
    the order in which they are tried; allowed: uint8 (max_boxes + max_failures, subsets), subsets tried each time.
    """
    n = weight.shape[0]
    n_subsets = subset_starts.shape[0] - 1
    widest = 0
    for s in range(n_subsets):
        widest = max(widest, subset_starts[s + 1] - subset_starts[s])
    features = np.zeros((max_boxes, widest), np.uint8)
    lows = np.zeros((max_boxes, widest), np.uint8)
    highs = np.zeros((max_boxes, widest), np.uint8)
    sizes = np.zeros(max_boxes, np.int64)
    alive = np.empty(n, np.int32)
    count = 0
    for i in range(n):
        if weight[i] > 0.0:
            alive[count] = i
            count += 1
    uncovered = positive.copy()
    rows = np.empty(n, np.int32)
    low = np.empty(widest, np.int64)
    high = np.empty(widest, np.int64)
    made, failures, tries = 0, 0, 0
    for t in range(seeds.shape[0]):
        centre = seeds[t]
        if not uncovered[centre]:
            continue
        if made >= max_boxes or failures >= max_failures:
            break
        all_p, all_n = 0.0, 0.0
        for i in range(count):
            if positive[alive[i]]:
                all_p += weight[alive[i]]
            else:
                all_n += weight[alive[i]]
        best, best_size = np.inf, 0
        for s in range(n_subsets):
            if not allowed[tries, s]:
                continue
            subset = subset_features[subset_starts[s] : subset_starts[s + 1]]
            dims = subset.shape[0]
            size = _carve(
                columns, weight, positive, alive[:count], centre, subset, all_p, all_n, low[:dims], high[:dims], rows
            )  # fmt: skip
            _relax(columns, positive, subset, low, high, rows, size, slack, spread)
            in_p, in_n = 0.0, 0.0
            for i in range(count):
                row = alive[i]
                inside = True
                for k in range(dims):
                    value = columns[subset[k], row]
                    if value < low[k] or value > high[k]:
                        inside = False
                        break
                if inside:
                    if positive[row]:
                        in_p += weight[row]
                    else:
                        in_n += weight[row]
            g = _impurity(in_p, in_n, all_p, all_n)
            if g < best or (g == best and dims < best_size):
                best, best_size = g, dims
                sizes[made] = dims
                for k in range(dims):
                    features[made, k] = subset[k]
                    lows[made, k] = low[k]
                    highs[made, k] = high[k]
        tries += 1
        kept, covered = 0, 0
        for i in range(count):
            row = alive[i]
            inside = True
            for k in range(sizes[made]):
                value = columns[features[made, k], row]
                if value < lows[made, k] or value > highs[made, k]:
                    inside = False
                    break
            if inside:
                uncovered[row] = 0
                covered += 1
            else:
                alive[kept] = row
                kept += 1
        count = kept
        uncovered[centre] = 0
        made += 1
        if covered == 0:
            failures += 1
    return features[:made], lows[:made], highs[:made], sizes[:made]
