"""Linear scores over blocks: float32, bias first, then the dimensions in order, one rounding a step.

That order is part of the answer: the slow twin does the same and agrees bit for bit. Rounding is monotone, so the same
sum over the better corner of a block's zone is a bound that no row of the block exceeds, rounding included.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_SPARSE = 8  # hits in a stretch of 64 rows


@njit(nogil=True, cache=True)
def score_block(data, base, size, weights, bias, out):  # type: ignore[no-untyped-def]
    """``out[:size]`` = bias + w0 c0 + w1 c1 + ..., eight dimensions a pass to save traffic on ``out``."""
    out[:size] = bias
    for d in range(0, weights.shape[0], 8):
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
def block_bounds(zone_low, zone_high, weights, bias, bounds):  # type: ignore[no-untyped-def]
    """Highest score that any row of each block can have, in the same float32 steps as the scores."""
    bounds[:] = bias
    for d in range(weights.shape[0]):
        w = weights[d]
        corner = zone_high[d] if w > 0 else zone_low[d]
        for b in range(bounds.shape[0]):
            bounds[b] += w * np.float32(corner[b])


@njit(nogil=True, cache=True)
def score_all(data, n, block_size, weights, bias, out):  # type: ignore[no-untyped-def]
    """Scores of all rows in index order."""
    for start in range(0, n, block_size):
        size = min(block_size, n - start)
        score_block(data, start * weights.shape[0], size, weights, bias, out[start : start + size])


@njit(nogil=True, cache=True)
def score_codes(codes, weights, bias, out):  # type: ignore[no-untyped-def]
    """Scores of the rows of ``codes`` (k, dims), by the same steps as ``score_block``."""
    for i in range(codes.shape[0]):
        s = bias
        for d in range(weights.shape[0]):
            s = s + weights[d] * np.float32(codes[i, d])
        out[i] = s


@njit(nogil=True, cache=True)
def _reaching(scores, threshold):  # type: ignore[no-untyped-def]
    """How many scores are at least ``threshold`` (over a slice from 0: only then are the steps made into vectors)."""
    hits = np.int32(0)
    for r in range(scores.shape[0]):
        hits = np.int32(hits + np.int32(scores[r] >= threshold))
    return hits


@njit(nogil=True, cache=True)
def above(data, n, block_size, bounds, weights, bias, threshold, first_block, last_block):  # type: ignore[no-untyped-def]
    """Rows of blocks ``first_block:last_block`` with score >= threshold, ascending, their scores, and blocks read."""
    dims = weights.shape[0]
    scores = np.empty(block_size, np.float32)
    rows = np.empty(max(block_size, 1024), np.int64)
    kept = np.empty(max(block_size, 1024), np.float32)
    filled = 0
    looked = 0
    for block in range(first_block, last_block):
        if bounds[block] < threshold:
            continue
        looked += 1
        start = block * block_size
        size = min(block_size, n - start)
        score_block(data, start * dims, size, weights, bias, scores)
        if filled + size > rows.shape[0]:
            wider = np.empty(2 * rows.shape[0] + size, np.int64)
            wider[:filled] = rows[:filled]
            rows = wider
            wider_kept = np.empty(rows.shape[0], np.float32)
            wider_kept[:filled] = kept[:filled]
            kept = wider_kept
        for left in range(0, size, 64):
            right = min(left + 64, size)
            hits = _reaching(scores[left:right], threshold)
            if hits == 0:
                continue
            if hits < _SPARSE:
                for r in range(left, right):
                    if scores[r] >= threshold:
                        rows[filled] = start + r
                        kept[filled] = scores[r]
                        filled += 1
            else:  # as likely as not: writing always and counting is faster than guessing
                for r in range(left, right):
                    rows[filled] = start + r
                    kept[filled] = scores[r]
                    filled += scores[r] >= threshold
    return rows[:filled], kept[:filled], looked


@njit(nogil=True, cache=True)
def _worse(score_a, row_a, score_b, row_b):  # type: ignore[no-untyped-def]
    return score_a < score_b or (score_a == score_b and row_a > row_b)


@njit(nogil=True, cache=True)
def _sift_down(scores, rows, size):  # type: ignore[no-untyped-def]
    """Restore the heap (worst on top) after its root changed."""
    parent = 0
    while True:
        child = 2 * parent + 1
        if child >= size:
            return
        if child + 1 < size and _worse(scores[child + 1], rows[child + 1], scores[child], rows[child]):
            child += 1
        if not _worse(scores[child], rows[child], scores[parent], rows[parent]):
            return
        scores[child], scores[parent] = scores[parent], scores[child]
        rows[child], rows[parent] = rows[parent], rows[child]
        parent = child


@njit(nogil=True, cache=True)
def _sift_up(scores, rows, child):  # type: ignore[no-untyped-def]
    while child > 0:
        parent = (child - 1) // 2
        if not _worse(scores[child], rows[child], scores[parent], rows[parent]):
            return
        scores[child], scores[parent] = scores[parent], scores[child]
        rows[child], rows[parent] = rows[parent], rows[child]
        child = parent


@njit(nogil=True, cache=True)
def best(data, n, block_size, bounds, visit, weights, bias, labels, k):  # type: ignore[no-untyped-def]
    """The ``k`` best rows: (labels of rows, scores, blocks read), in no order; ties go to the lower label.

    ``visit`` orders the blocks by falling bound; the walk ends at the first block that cannot hold a better row.
    ``labels[row]`` is the caller's number of a row, or ``labels`` is empty when it is the row itself.
    """
    dims = weights.shape[0]
    block = np.empty(block_size, np.float32)
    heap = np.empty(k, np.float32)
    rows = np.empty(k, np.int64)
    filled = 0
    looked = 0
    for i in range(visit.shape[0]):
        if filled == k and bounds[visit[i]] < heap[0]:
            break
        looked += 1
        start = visit[i] * block_size
        size = min(block_size, n - start)
        score_block(data, start * dims, size, weights, bias, block)
        for left in range(0, size, 64):
            right = min(left + 64, size)
            if filled == k and _reaching(block[left:right], heap[0]) == 0:
                continue
            for r in range(left, right):
                label = labels[start + r] if labels.shape[0] > 0 else start + r
                if filled < k:
                    heap[filled], rows[filled] = block[r], label
                    _sift_up(heap, rows, filled)
                    filled += 1
                elif _worse(heap[0], rows[0], block[r], label):
                    heap[0], rows[0] = block[r], label
                    _sift_down(heap, rows, k)
    return rows[:filled], heap[:filled], looked
