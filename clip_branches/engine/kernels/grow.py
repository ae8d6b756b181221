"""Growing one decision branch: boxes carved around positives, each over one feature subset."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def impurity(in_p, in_n, all_p, all_n):  # type: ignore[no-untyped-def]
    """Weighted Gini impurity of a box and its outside (lower is better): in_p, in_n are the weights inside."""
    total = 0.0
    for p, n in ((in_p, in_n), (all_p - in_p, all_n - in_n)):
        if p + n > 0.0:
            total += 2.0 * p * n / (p + n)  # side weight times 1 - sum p_k^2
    return total / (all_p + all_n)


@njit(nogil=True, cache=True)
def _best_cut(column, weight, positive, rows, low, value, high, in_p, in_n, all_p, all_n, pos, neg):  # type: ignore[no-untyped-def]
    """Best cut of one feature that keeps ``value``: (impurity, side, border); side 0 raises low, 1 lowers high."""
    pos[:] = 0.0
    neg[:] = 0.0
    for i in range(rows.shape[0]):
        row = rows[i]
        if positive[row]:
            pos[column[row]] += weight[row]
        else:
            neg[column[row]] += weight[row]
    best, side, border = np.inf, 0, 0
    p, n = in_p, in_n
    for v in range(low, value):
        if pos[v] > 0.0 or neg[v] > 0.0:
            p -= pos[v]
            n -= neg[v]
            g = impurity(p, n, all_p, all_n)
            if g < best:
                best, side, border = g, 0, v + 1
    p, n = in_p, in_n
    for v in range(high, value, -1):
        if pos[v] > 0.0 or neg[v] > 0.0:
            p -= pos[v]
            n -= neg[v]
            g = impurity(p, n, all_p, all_n)
            if g < best:
                best, side, border = g, 1, v - 1
    return best, side, border


@njit(nogil=True, cache=True)
def _keep(column, weight, positive, rows, low, high, kept):  # type: ignore[no-untyped-def]
    """Rows within low..high go to the front of ``kept`` (may be ``rows`` itself): (how many, weights right, wrong)."""
    size = 0
    in_p, in_n = 0.0, 0.0
    for i in range(rows.shape[0]):
        row = rows[i]
        if low <= column[row] <= high:
            kept[size] = row
            size += 1
            if positive[row]:
                in_p += weight[row]
            else:
                in_n += weight[row]
    return size, in_p, in_n


@njit(nogil=True, cache=True)
def _first_cuts(columns, weight, positive, alive, centre, all_p, all_n, cuts, pos, neg):  # type: ignore[no-untyped-def]
    """``cuts[f]`` = (impurity, side, border) of the best cut of each feature of the whole space."""
    for f in range(columns.shape[0]):
        value = np.int64(columns[f, centre])
        cuts[f, 0], cuts[f, 1], cuts[f, 2] = _best_cut(
            columns[f], weight, positive, alive, 0, value, 255, all_p, all_n, all_p, all_n, pos, neg
        )


@njit(nogil=True, cache=True)
def _carve(  # type: ignore[no-untyped-def]
    columns, weight, positive, alive, centre, features, all_p, all_n, cuts, low, high, rows, pos, neg,
):  # fmt: skip
    """Cut the whole space down to a box around ``centre``, always by the side that leaves least impurity; returns it.

    The first cut is looked up in ``cuts``: it is the same for every subset with that feature.
    """
    low[:] = 0
    high[:] = 255
    size = alive.shape[0]
    in_p, in_n = all_p, all_n
    current = impurity(in_p, in_n, all_p, all_n)
    first = True
    while in_n > 0.0:
        best, best_k, best_side, best_border = np.inf, -1, np.int64(0), np.int64(0)
        for k in range(features.shape[0]):
            f = features[k]
            if first:
                g, side, border = cuts[f, 0], np.int64(cuts[f, 1]), np.int64(cuts[f, 2])
            else:
                g, side, border = _best_cut(
                    columns[f], weight, positive, rows[:size], low[k], np.int64(columns[f, centre]), high[k],
                    in_p, in_n, all_p, all_n, pos, neg,
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
        source = alive if first else rows[:size]
        size, in_p, in_n = _keep(
            columns[features[best_k]], weight, positive, source, low[best_k], high[best_k], rows
        )  # fmt: skip
        first = False
    return current


@njit(nogil=True, cache=True)
def grow_branch(  # type: ignore[no-untyped-def]
    columns, weight, positive, seeds, subset_starts, subset_features, allowed, covered_share, purity, max_failures,
):  # fmt: skip
    """Boxes until ``covered_share`` of the weight of the positives is covered: (features, lows, highs, sizes).

    columns: uint8 (dims, n); weight: float64 (n,), 0 leaves a sample out; positive: uint8 (n,); seeds: the positives in
    the order in which they are tried; allowed: uint8 (most boxes, subsets), which subsets are tried for each box.
    purity: least share of positives, by weight, in a box; after ``max_failures`` boxes in a row below it the branch
    stays as it is. There is always a box (at worst the purest of those), and it holds what it was carved around.
    """
    n = weight.shape[0]
    max_boxes = allowed.shape[0]
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
    covered = np.zeros(n, np.uint8)
    within = np.empty(n, np.uint8)
    rows = np.empty(n, np.int32)
    low, high = np.empty(widest, np.int64), np.empty(widest, np.int64)
    pos, neg = np.empty(256), np.empty(256)
    cuts = np.empty((columns.shape[0], 3))
    made, failures = 0, 0
    purest, spare_size = -1.0, np.int64(0)
    spare_features, spare_low, spare_high = features[0].copy(), lows[0].copy(), highs[0].copy()
    first_p = 0.0
    for t in range(seeds.shape[0]):
        centre = seeds[t]
        if covered[centre]:
            continue
        if made == max_boxes:
            break
        all_p, all_n = 0.0, 0.0
        for i in range(count):
            if positive[alive[i]]:
                all_p += weight[alive[i]]
            else:
                all_n += weight[alive[i]]
        if made == 0:
            first_p = all_p
        elif all_p <= (1.0 - covered_share) * first_p:
            break
        _first_cuts(columns, weight, positive, alive[:count], centre, all_p, all_n, cuts, pos, neg)
        best, best_size = np.inf, 0
        for s in range(n_subsets):
            if not allowed[made, s]:
                continue
            subset = subset_features[subset_starts[s] : subset_starts[s + 1]]
            dims = subset.shape[0]
            g = _carve(
                columns, weight, positive, alive[:count], centre, subset, all_p, all_n, cuts,
                low[:dims], high[:dims], rows, pos, neg,
            )  # fmt: skip
            if g < best or (g == best and dims < best_size):
                best, best_size = g, dims
                sizes[made] = dims
                for k in range(dims):
                    features[made, k], lows[made, k], highs[made, k] = subset[k], low[k], high[k]
        left = 0
        in_p, in_n = 0.0, 0.0
        for i in range(count):
            row = alive[i]
            within[i] = 1
            for k in range(sizes[made]):
                value = columns[features[made, k], row]
                if value < lows[made, k] or value > highs[made, k]:
                    within[i] = 0
                    break
            if within[i] and positive[row]:
                in_p += weight[row]
            elif within[i]:
                in_n += weight[row]
        if in_p < purity * (in_p + in_n):
            covered[centre] = 1  # given up: a box for a straggler may not let in everything else
            if made == 0 and in_p > purest * (in_p + in_n):
                purest = in_p / (in_p + in_n)
                spare_size = sizes[0]
                spare_features[:] = features[0]
                spare_low[:] = lows[0]
                spare_high[:] = highs[0]
            failures += 1
            if failures == max_failures:
                break
            continue
        failures = 0
        for i in range(count):
            if within[i]:
                covered[alive[i]] = 1
            else:
                alive[left] = alive[i]
                left += 1
        count = left
        made += 1
    if made == 0:  # none is pure: the purest stands
        sizes[0] = spare_size
        features[0], lows[0], highs[0] = spare_features, spare_low, spare_high
        made = 1
    return features[:made], lows[:made], highs[:made], sizes[:made]
