"""Growing one decision branch: boxes carved around positives, each over one feature subset."""

from __future__ import annotations

import numpy as np
from numba import njit

from clip_branches.engine.kernels.around import box_around
from clip_branches.engine.kernels.carve import TOGETHER


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
    alive_weights, alive_rights = np.empty(n), np.empty(n, np.int32)
    samples = (alive, alive_weights, alive_rights)
    count = 0
    for i in range(n):
        if weight[i] > 0.0:
            alive[count], alive_weights[count], alive_rights[count] = i, weight[i], 256 if positive[i] else 0
            count += 1
    covered = np.zeros(n, np.uint8)
    within = np.empty(n, np.uint8)
    begun = (np.empty(n, np.int32), np.empty(n), np.empty(n, np.int32))
    inside = (np.empty(n, np.int32), np.empty(n), np.empty(n, np.int32))
    scratch = (np.empty(TOGETHER * 512), (np.empty(257, np.int64), np.empty(257), np.empty(257), np.empty(257)))
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
        sizes[made] = box_around(
            columns, samples, count, centre, subset_starts, subset_features, allowed[made], all_p, all_n,
            begun, inside, scratch, features[made], lows[made], highs[made],
        )  # fmt: skip
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
                alive[left], alive_weights[left], alive_rights[left] = alive[i], alive_weights[i], alive_rights[i]
                left += 1
        count = left
        made += 1
    if made == 0:  # none is pure: the purest stands
        sizes[0] = spare_size
        features[0], lows[0], highs[0] = spare_features, spare_low, spare_high
        made = 1
    return features[:made], lows[:made], highs[:made], sizes[:made]
