"""Which rows would lose their majority without one box: those that it alone holds for branches enough."""

from __future__ import annotations

import numpy as np
from numba import njit

from clip_branches.engine.kernels.masks import mask_of_box
from clip_branches.engine.kernels.scan import CHUNK, MISS, WHOLE, relate


@njit(nogil=True, cache=True)
def count_alone(  # type: ignore[no-untyped-def]
    data, n, block_size, zone_low, zone_high, block_low, block_high, first_block, last_block,
    starts, features, lows, highs, groups, copies, copy_starts, rows, spare, alone,
):  # fmt: skip
    """Add to ``alone[i]`` the ``rows`` (ascending, all in those blocks) that lose more than ``spare`` votes without i.

    Box ``j`` of (starts, features, lows, highs) belongs to the branch ``groups[j]`` (ascending). Box ``i`` of ``alone``
    is there once for each branch that has it: as ``copies[copy_starts[i]:copy_starts[i + 1]]``.
    """
    n_boxes = starts.shape[0] - 1
    relation = np.empty((CHUNK, n_boxes), np.uint8)
    mask, others = np.empty(block_size, np.uint8), np.empty(block_size, np.uint8)
    lost = np.empty(block_size, np.int32)
    used = np.empty(zone_low.shape[0] + 4, np.int64)
    at = 0
    for chunk in range(first_block, last_block, CHUNK):
        count = min(CHUNK, last_block - chunk)
        if at == rows.shape[0]:
            return
        if rows[at] >= (chunk + count) * block_size:
            continue
        relate(zone_low, zone_high, chunk, count, starts, features, lows, highs, relation)
        for b in range(count):
            block = chunk + b
            start = block * block_size
            size = min(block_size, n - start)
            base = start * zone_low.shape[0]
            until = at
            while until < rows.shape[0] and rows[until] < start + size:
                until += 1
            if until == at:
                continue
            for i in range(alone.shape[0]):
                any_ = False
                lost[:size] = 0
                for c in range(copy_starts[i], copy_starts[i + 1]):
                    own = copies[c]
                    if relation[b, own] == MISS:
                        continue
                    only = True
                    others[:size] = 0
                    first = own
                    while first > 0 and groups[first - 1] == groups[own]:
                        first -= 1
                    j = first
                    while only and j < n_boxes and groups[j] == groups[own]:
                        if j != own and relation[b, j] == WHOLE:
                            only = False
                        elif j != own and relation[b, j] != MISS:
                            found, _ = mask_of_box(
                                data, base, size, block_low, block_high, block,
                                starts[j], starts[j + 1], features, lows, highs, mask, 0, used,
                            )  # fmt: skip
                            if found:
                                for r in range(size):
                                    others[r] = np.uint8(others[r] | mask[r])
                        j += 1
                    if not only:
                        continue
                    if relation[b, own] == WHOLE:
                        mask[:size] = 1
                    else:
                        only, _ = mask_of_box(
                            data, base, size, block_low, block_high, block,
                            starts[own], starts[own + 1], features, lows, highs, mask, 0, used,
                        )  # fmt: skip
                    if only:
                        any_ = True
                        for r in range(size):
                            lost[r] += np.int32(np.uint8(mask[r] & np.uint8(others[r] ^ np.uint8(1))))
                if any_:
                    for k in range(at, until):
                        alone[i] += np.int64(lost[rows[k] - start] > spare[k])
            at = until
