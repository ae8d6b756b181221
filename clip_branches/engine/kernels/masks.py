"""What every scan over a block is made of: reading it in one run, and which of its rows lie in a box."""

from __future__ import annotations

import numpy as np
from numba import njit

_COUNTED = 128  # rows whose 0s and 1s are summed in a byte


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


# One comparison for both borders (codes below ``low`` wrap round to above the span), and every step is cut back to a
# byte: else numba widens to 64 bits and a vector instruction does an eighth of the rows. Several features in one loop
# save the traffic on ``mask``.
@njit(nogil=True, cache=True)
def _one(c0, l0, s0, mask):  # type: ignore[no-untyped-def]
    found = np.uint8(0)
    for r in range(mask.shape[0]):
        m = np.uint8(np.uint8(c0[r] - l0) <= s0)
        mask[r] = m
        found = np.uint8(found | m)
    return found


@njit(nogil=True, cache=True)
def _two(c0, l0, s0, c1, l1, s1, mask):  # type: ignore[no-untyped-def]
    found = np.uint8(0)
    for r in range(mask.shape[0]):
        m = np.uint8((np.uint8(c0[r] - l0) <= s0) & (np.uint8(c1[r] - l1) <= s1))
        mask[r] = m
        found = np.uint8(found | m)
    return found


@njit(nogil=True, cache=True)
def _four(c0, l0, s0, c1, l1, s1, c2, l2, s2, c3, l3, s3, mask):  # type: ignore[no-untyped-def]
    found = np.uint8(0)
    for r in range(mask.shape[0]):
        m = np.uint8(
            (np.uint8(c0[r] - l0) <= s0)
            & (np.uint8(c1[r] - l1) <= s1)
            & (np.uint8(c2[r] - l2) <= s2)
            & (np.uint8(c3[r] - l3) <= s3)
        )
        mask[r] = m
        found = np.uint8(found | m)
    return found


@njit(nogil=True, cache=True)
def _and_two(c0, l0, s0, c1, l1, s1, mask):  # type: ignore[no-untyped-def]
    found = np.uint8(0)
    for r in range(mask.shape[0]):
        m = np.uint8(mask[r] & np.uint8((np.uint8(c0[r] - l0) <= s0) & (np.uint8(c1[r] - l1) <= s1)))
        mask[r] = m
        found = np.uint8(found | m)
    return found


@njit(nogil=True, cache=True)
def mask_of_box(data, base, size, low_of, high_of, start, stop, features, lows, highs, mask, used):  # type: ignore[no-untyped-def]
    """``mask[:size]`` = 1 for rows inside the box of entries ``start:stop``; (whether there is any, columns read).

    ``low_of``, ``high_of`` (dims,): the zone of the block. Features whose range holds the whole block are not looked
    at; at least one is not so. ``used`` is scratch of at least dims integers.
    """
    count = 0
    for k in range(start, stop):
        f = features[k]
        if low_of[f] < lows[k] or high_of[f] > highs[k]:
            used[count] = k
            count += 1
    part = mask[:size]
    k = used[0]
    f = np.int64(features[k])
    c0, l0 = data[base + f * size : base + (f + 1) * size], lows[k]
    s0 = np.uint8(highs[k] - l0)
    if count == 1:
        return _one(c0, l0, s0, part) != 0, 1
    k = used[1]
    f = np.int64(features[k])
    c1, l1 = data[base + f * size : base + (f + 1) * size], lows[k]
    s1 = np.uint8(highs[k] - l1)
    if count == 2:
        return _two(c0, l0, s0, c1, l1, s1, part) != 0, 2
    k = used[2]
    f = np.int64(features[k])
    c2, l2 = data[base + f * size : base + (f + 1) * size], lows[k]
    s2 = np.uint8(highs[k] - l2)
    k = used[min(3, count - 1)]
    f = np.int64(features[k])
    c3, l3 = data[base + f * size : base + (f + 1) * size], lows[k]
    s3 = np.uint8(highs[k] - l3)
    if _four(c0, l0, s0, c1, l1, s1, c2, l2, s2, c3, l3, s3, part) == 0:
        return False, min(4, count)
    for i in range(4, count, 2):
        k = used[i]
        f = np.int64(features[k])
        c0, l0 = data[base + f * size : base + (f + 1) * size], lows[k]
        s0 = np.uint8(highs[k] - l0)
        k = used[min(i + 1, count - 1)]
        f = np.int64(features[k])
        c1, l1 = data[base + f * size : base + (f + 1) * size], lows[k]
        s1 = np.uint8(highs[k] - l1)
        if _and_two(c0, l0, s0, c1, l1, s1, part) == 0:
            return False, min(i + 2, count)
    return True, count


@njit(nogil=True, cache=True)
def ones(mask):  # type: ignore[no-untyped-def]
    """Sum of bytes that are 0 or 1."""
    total = np.int64(0)
    for left in range(0, mask.shape[0], _COUNTED):
        part = mask[left : min(left + _COUNTED, mask.shape[0])]
        inside = np.uint8(0)
        for r in range(part.shape[0]):
            inside = np.uint8(inside + part[r])
        total += inside
    return total
