"""The best box around one positive, over all feature subsets that may be tried.

The first cut of a subset is that of its feature whose cut leaves least impurity. Subsets that begin with the same cut
share what it leaves, and the best second cut of every feature in it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from clip_branches.engine.kernels.carve import LEAST_GAIN, best_cuts, carve, impurity, keep, least_of, lost


@njit(nogil=True, cache=True)
def box_around(  # type: ignore[no-untyped-def]
    columns, samples, count, centre, subset_starts, subset_features, allowed, all_p, all_n,
    begun, inside, scratch, features, lows, highs,
):  # fmt: skip
    """Carve a box over each allowed subset; the one of least impurity into (features, lows, highs), its dimensions.

    samples: the ``count`` rows there are, with weights ``all_p`` and ``all_n``; ``begun`` and ``inside`` are room for
    as many. Ties go to fewer dimensions, then to the earlier subset.
    """
    dims = columns.shape[0]
    n_subsets = subset_starts.shape[0] - 1
    current = impurity(all_p, all_n, all_p, all_n)
    cuts, second = np.empty((dims, 3)), np.empty((dims, 3))
    low, high = np.empty(dims, np.int64), np.empty(dims, np.int64)
    own_low, own_high = np.empty(dims, np.int64), np.empty(dims, np.int64)
    low[:] = 0
    high[:] = 255
    every = np.arange(dims).astype(np.uint8)
    best_cuts(columns, every, samples, count, centre, low, high, all_p, all_n, all_p, all_n, cuts, scratch)
    begins = np.empty(n_subsets, np.int64)  # the feature that each is cut by first, -1 for those that are done
    for s in range(n_subsets):
        subset = subset_features[subset_starts[s] : subset_starts[s + 1]]
        k = least_of(cuts, subset)
        begins[s] = np.int64(subset[k]) if allowed[s] and k >= 0 else -1
    best, best_s, best_size = np.inf, n_subsets, np.int64(0)
    for first in range(n_subsets - 1, -1, -1):  # the largest first: most others need not be finished then
        f = begins[first]
        if f < 0:
            continue
        low[:] = 0
        high[:] = 255
        size, in_p, in_n, reached = count, all_p, all_n, current
        cut = all_n > 0.0 and cuts[f, 0] < current - LEAST_GAIN
        if cut:
            reached = cuts[f, 0]
            if cuts[f, 1] == 0.0:
                low[f] = np.int64(cuts[f, 2])
            else:
                high[f] = np.int64(cuts[f, 2])
            size, in_p, in_n = keep(columns, f, samples, count, low[f], high[f], begun)
            wanted = np.zeros(dims, np.uint8)
            for s in range(first + 1):
                if begins[s] == f:
                    for k in range(subset_starts[s], subset_starts[s + 1]):
                        wanted[subset_features[k]] = 1
            if in_n > 0.0:
                best_cuts(
                    columns, every[wanted == 1], begun, size, centre, low, high, in_p, in_n, all_p, all_n, second,
                    scratch,
                )  # fmt: skip
        for s in range(first, -1, -1):
            if begins[s] != f:
                continue
            begins[s] = -1
            subset = subset_features[subset_starts[s] : subset_starts[s + 1]]
            held = subset.shape[0]
            for k in range(held):
                own_low[k], own_high[k] = low[subset[k]], high[subset[k]]
            g = reached
            if cut and lost(reached, in_p, in_n, all_p, all_n, best):
                g = np.inf
            elif cut:
                g = carve(
                    columns, begun, size, centre, subset, in_p, in_n, all_p, all_n, reached, second,
                    own_low[:held], own_high[:held], inside, scratch, best,
                )  # fmt: skip
            if g < best or (g == best and (held < best_size or (held == best_size and s < best_s))):
                best, best_s, best_size = g, s, held
                for k in range(held):
                    features[k], lows[k], highs[k] = subset[k], own_low[k], own_high[k]
    return best_size
