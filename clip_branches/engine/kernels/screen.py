"""Half-space and top-k queries: a block is scored whole as it comes by, and only what reaches a bound is kept.

A block is passed over where the best corner of its zone stays below that bound.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from clip_branches.engine.kernels.heap import keep_best
from clip_branches.engine.kernels.linear import score_block
from clip_branches.engine.kernels.tally import places_of, reaching


@njit(nogil=True, cache=True)
def above(  # type: ignore[no-untyped-def]
    data, words, n, block_size, bounds, weights, bias, threshold, first_block, last_block,
):  # fmt: skip
    """Rows of blocks ``first_block:last_block`` with score >= threshold, ascending, their scores, and blocks read."""
    scores = np.empty(block_size, np.float32)
    mark_words = np.zeros((block_size + 7) // 8, np.uint64)
    marks = mark_words.view(np.uint8)
    places = np.empty(block_size + 8, np.int64)
    rows = np.empty(max(block_size, 1024), np.int64)
    kept = np.empty(max(block_size, 1024), np.float32)
    filled, looked = 0, 0
    unused = np.uint64(0)
    for block in range(first_block, last_block):
        if bounds[block] < threshold:
            continue
        looked += 1
        start = block * block_size
        size = min(block_size, n - start)
        unused += score_block(data, words, start * weights.shape[0], size, weights, bias, scores)
        reaching(scores, size, threshold, marks)
        count = places_of(marks, mark_words, size, places)
        if filled + count > rows.shape[0]:
            wider = np.empty(2 * rows.shape[0] + count, np.int64)
            wider[:filled] = rows[:filled]
            rows = wider
            wider_kept = np.empty(rows.shape[0], np.float32)
            wider_kept[:filled] = kept[:filled]
            kept = wider_kept
        for i in range(count):
            rows[filled] = start + places[i]
            kept[filled] = scores[places[i]]
            filled += 1
    return rows[:filled], kept[:filled], looked, unused


@njit(nogil=True, cache=True)
def best(  # type: ignore[no-untyped-def]
    data, words, n, block_size, bounds, visit, weights, bias, labels, k, least,
):  # fmt: skip
    """The ``k`` best rows of the blocks ``visit``: (labels of rows, scores, blocks read), in no order.

    Ties go to the lower label. ``labels[row]`` is the caller's number of a row, or ``labels`` is empty when it is the
    row itself. Rows that score below ``least`` need not be found: -inf where nothing is known.
    """
    scores = np.empty(block_size, np.float32)
    mark_words = np.zeros((block_size + 7) // 8, np.uint64)
    marks = mark_words.view(np.uint8)
    places = np.empty(block_size + 8, np.int64)
    heap = np.empty(k, np.float32)
    rows = np.empty(k, np.int64)
    filled, looked = 0, 0
    unused = np.uint64(0)
    for i in range(visit.shape[0]):
        block = visit[i]
        threshold = heap[0] if filled == k and heap[0] > least else least
        if bounds[block] < threshold:
            continue
        looked += 1
        start = block * block_size
        size = min(block_size, n - start)
        unused += score_block(data, words, start * weights.shape[0], size, weights, bias, scores)
        reaching(scores, size, threshold, marks)
        for j in range(places_of(marks, mark_words, size, places)):
            row = start + places[j]
            label = labels[row] if labels.shape[0] > 0 else row
            filled = keep_best(heap, rows, filled, scores[places[j]], label)
    return rows[:filled], heap[:filled], looked, unused
