"""What every scan over a block is made of: reading it in one run, and which of its rows lie in a box."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def read_through(words):  # type: ignore[no-untyped-def]
    """Read 8-byte words one after another, to have them in the cache; the sum is of no use but must be used.

    A column of a block is a run of a kilobyte: too short for the processor to fetch ahead, so that loops over several
    columns at once wait for memory. Read in one run first, the same bytes come two to three times as fast.
    """
    total = np.uint64(0)
    for i in range(words.shape[0]):
        total += words[i]
    return total


@njit(nogil=True, cache=True, inline="always")
def _unsettled(block_low, block_high, block, start, stop, features, lows, highs, used):  # type: ignore[no-untyped-def]
    """Entries whose range does not hold the whole block into ``used``, the last again up to fours; how many."""
    count = np.int64(0)
    for k in range(start, stop):  # without a branch: which are settled cannot be guessed
        f = features[k]
        used[count] = k
        count += np.int64(block_low[block, f] < lows[k]) | np.int64(block_high[block, f] > highs[k])
    last = used[count - 1]
    for i in range(count, (count + 3) // 4 * 4):
        used[i] = last
    return count


# In the loops below one comparison does for both borders (codes below ``low`` wrap round to above the span), and every
# step is cut back to a byte: else numba widens to 64 bits and a vector instruction does an eighth of the rows. Several
# features in one loop save the traffic on ``mask``. Columns are offsets, unsigned so that none can mean "from the
# end": a view of a column would cost more than its half a thousand comparisons, as views count references atomically.
@njit(nogil=True, cache=True, inline="always")
def mask_of_box(  # type: ignore[no-untyped-def]
    data, base, size, block_low, block_high, block, start, stop, features, lows, highs, mask, to, used,
):  # fmt: skip
    """``mask[to:to + size]`` = 1 for rows inside the box of entries ``start:stop``; (is there any, columns read).

    Features whose range holds the whole block are not looked at; at least one is not so. ``block_low``, ``block_high``
    (blocks, dims): zones; ``used`` is scratch of dims + 4 integers.
    """
    count = _unsettled(block_low, block_high, block, start, stop, features, lows, highs, used)
    n, t = np.uint64(size), np.uint64(to)
    found = np.uint8(0)
    k0, k1, k2, k3 = used[0], used[1], used[2], used[3]
    o0, o1 = np.uint64(base + np.int64(features[k0]) * size), np.uint64(base + np.int64(features[k1]) * size)
    o2, o3 = np.uint64(base + np.int64(features[k2]) * size), np.uint64(base + np.int64(features[k3]) * size)
    l0, l1, l2, l3 = lows[k0], lows[k1], lows[k2], lows[k3]
    s0, s1 = np.uint8(highs[k0] - l0), np.uint8(highs[k1] - l1)
    s2, s3 = np.uint8(highs[k2] - l2), np.uint8(highs[k3] - l3)
    for r in range(n):
        m = np.uint8(
            (np.uint8(data[o0 + r] - l0) <= s0)
            & (np.uint8(data[o1 + r] - l1) <= s1)
            & (np.uint8(data[o2 + r] - l2) <= s2)
            & (np.uint8(data[o3 + r] - l3) <= s3)
        )
        mask[t + r] = m
        found = np.uint8(found | m)
    for i in range(4, count, 4):
        if found == 0:
            return False, i
        k0, k1, k2, k3 = used[i], used[i + 1], used[i + 2], used[i + 3]
        o0, o1 = np.uint64(base + np.int64(features[k0]) * size), np.uint64(base + np.int64(features[k1]) * size)
        o2, o3 = np.uint64(base + np.int64(features[k2]) * size), np.uint64(base + np.int64(features[k3]) * size)
        l0, l1, l2, l3 = lows[k0], lows[k1], lows[k2], lows[k3]
        s0, s1 = np.uint8(highs[k0] - l0), np.uint8(highs[k1] - l1)
        s2, s3 = np.uint8(highs[k2] - l2), np.uint8(highs[k3] - l3)
        found = np.uint8(0)
        for r in range(n):
            m = np.uint8(
                (np.uint8(data[o0 + r] - l0) <= s0)
                & (np.uint8(data[o1 + r] - l1) <= s1)
                & (np.uint8(data[o2 + r] - l2) <= s2)
                & (np.uint8(data[o3 + r] - l3) <= s3)
            )
            m = np.uint8(mask[t + r] & m)
            mask[t + r] = m
            found = np.uint8(found | m)
    return found != 0, count
