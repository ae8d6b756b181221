"""Linear scores over blocks: float32, bias first, then the dimensions in order, one rounding a step.

That order is part of the answer: the slow twin does the same and agrees bit for bit. Rounding is monotone, so the same
sum over the better corner of a block's zone is a bound that no row of the block exceeds, rounding included.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from clip_branches.engine.kernels.masks import read_through

MANY = 3  # rows of a block wanted from which on it is read in one run
DENSE = 12  # a block is scored whole where at least one row in so many is wanted


@njit(nogil=True, cache=True)
def _score_eight(data, base, size, d, weights, out):  # type: ignore[no-untyped-def]
    """Add dimensions ``d`` to ``d + 7`` to ``out[:size]``: eight a pass save traffic on ``out``."""
    w0, w1, w2, w3 = weights[d], weights[d + 1], weights[d + 2], weights[d + 3]
    w4, w5, w6, w7 = weights[d + 4], weights[d + 5], weights[d + 6], weights[d + 7]
    c0 = data[base + d * size : base + (d + 1) * size]
    c1 = data[base + (d + 1) * size : base + (d + 2) * size]
    c2 = data[base + (d + 2) * size : base + (d + 3) * size]
    c3 = data[base + (d + 3) * size : base + (d + 4) * size]
    c4 = data[base + (d + 4) * size : base + (d + 5) * size]
    c5 = data[base + (d + 5) * size : base + (d + 6) * size]
    c6 = data[base + (d + 6) * size : base + (d + 7) * size]
    c7 = data[base + (d + 7) * size : base + (d + 8) * size]
    for r in range(size):
        s = out[r] + w0 * np.float32(c0[r])
        s = s + w1 * np.float32(c1[r])
        s = s + w2 * np.float32(c2[r])
        s = s + w3 * np.float32(c3[r])
        s = s + w4 * np.float32(c4[r])
        s = s + w5 * np.float32(c5[r])
        s = s + w6 * np.float32(c6[r])
        out[r] = s + w7 * np.float32(c7[r])


@njit(nogil=True, cache=True)
def score_block(data, words, base, size, weights, bias, out):  # type: ignore[no-untyped-def]
    """``out[:size]`` = bias + w0 c0 + w1 c1 + ...; ``words`` is ``data`` as 8-byte words."""
    out[:size] = bias
    unused = np.uint64(0)
    for d in range(0, weights.shape[0], 8):
        unused += read_through(words[(base + d * size) // 8 : (base + (d + 8) * size) // 8])
        _score_eight(data, base, size, d, weights, out)
    return unused


@njit(nogil=True, cache=True)
def score_some(data, base, size, places, weights, bias, out):  # type: ignore[no-untyped-def]
    """``out[i]`` = score of row ``places[i]`` of the block, by the same steps as ``score_block``."""
    count = np.uint64(places.shape[0])
    column = np.uint64(size)
    fours = count // np.uint64(4) * np.uint64(4)
    for i in range(np.uint64(0), fours, np.uint64(4)):  # four sums, none of which waits for another
        a, b = np.uint64(base + places[i]), np.uint64(base + places[i + np.uint64(1)])
        c, e = np.uint64(base + places[i + np.uint64(2)]), np.uint64(base + places[i + np.uint64(3)])
        s0, s1, s2, s3 = bias, bias, bias, bias
        for d in range(np.uint64(weights.shape[0])):
            w, skip = weights[d], d * column
            s0 = s0 + w * np.float32(data[a + skip])
            s1 = s1 + w * np.float32(data[b + skip])
            s2 = s2 + w * np.float32(data[c + skip])
            s3 = s3 + w * np.float32(data[e + skip])
        out[i], out[i + np.uint64(1)], out[i + np.uint64(2)], out[i + np.uint64(3)] = s0, s1, s2, s3
    for i in range(fours, count):
        a, s0 = np.uint64(base + places[i]), bias
        for d in range(np.uint64(weights.shape[0])):
            s0 = s0 + weights[d] * np.float32(data[a + d * column])
        out[i] = s0


@njit(nogil=True, cache=True)
def block_bounds(zone_low, zone_high, weights, bias, bounds):  # type: ignore[no-untyped-def]
    """Highest score that any row of each block can have, in the same float32 steps as the scores."""
    bounds[:] = bias
    for d in range(weights.shape[0]):
        w = weights[d]
        corner = zone_high[d] if w > 0 else zone_low[d]
        for b in range(bounds.shape[0]):
            bounds[b] += w * np.float32(corner[b])


@njit(nogil=True, cache=True)
def score_all(data, words, n, block_size, weights, bias, first_block, last_block, out):  # type: ignore[no-untyped-def]
    """Scores of the rows of blocks ``first_block:last_block`` into ``out`` (n,), in index order."""
    unused = np.uint64(0)
    for block in range(first_block, last_block):
        start = block * block_size
        size = min(block_size, n - start)
        unused += score_block(
            data, words, start * weights.shape[0], size, weights, bias, out[start : start + size]
        )  # fmt: skip
    return unused


@njit(nogil=True, cache=True)
def score_rows(data, words, n, block_size, rows, weights, bias, out):  # type: ignore[no-untyped-def]
    """``out[i]`` = score of ``rows[i]``; ``rows`` ascend, so that those of a block are scored together."""
    dims = weights.shape[0]
    scores = np.empty(block_size, np.float32)
    places = np.empty(block_size, np.int64)
    unused = np.uint64(0)
    at = 0
    while at < rows.shape[0]:
        start = rows[at] // block_size * block_size
        size = min(block_size, n - start)
        until = at
        while until < rows.shape[0] and rows[until] < start + size and until - at < block_size:
            places[until - at] = rows[until] - start
            until += 1
        found = until - at
        if found * DENSE >= size:
            unused += score_block(data, words, start * dims, size, weights, bias, scores)
            for i in range(found):
                out[at + i] = scores[places[i]]
        else:
            if found >= MANY:  # they lie on most lines of the block: fetched in one run sooner than one by one
                unused += read_through(words[start * dims // 8 : (start + size) * dims // 8])
            score_some(data, start * dims, size, places[:found], weights, bias, out[at:until])
        at = until
    return unused


@njit(nogil=True, cache=True)
def score_codes(codes, weights, bias, out):  # type: ignore[no-untyped-def]
    """Scores of the rows of ``codes`` (k, dims), by the same steps as ``score_block``."""
    for i in range(codes.shape[0]):
        s = bias
        for d in range(weights.shape[0]):
            s = s + weights[d] * np.float32(codes[i, d])
        out[i] = s
