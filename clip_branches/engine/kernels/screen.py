"""Half-space and top-k queries: a sum of 16-bit integers rules rows out, the float32 score decides the rest.

Nothing is ever accepted on the integers' word: see ``sums``.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from clip_branches.engine.kernels.heap import sift_down, sift_up, worse
from clip_branches.engine.kernels.linear import score_block, score_some
from clip_branches.engine.kernels.sums import ALL, add_up, bound_of, quantise, reaching

_DENSE = 12  # a block is scored whole where one row in so many is left


@njit(nogil=True, cache=True)
def candidates(data, words, base, size, weights, bias, threshold, low, high, whole, sums, places):  # type: ignore[no-untyped-def]
    """``places[:count]`` = rows of the block that may score ``threshold`` or more, ascending; (count, unused).

    count is -1 where the integers rule out no row. ``whole``: int16 (dims,), ``sums``: int16, ``places``: int64 (block
    size,), all scratch.
    """
    step, least, best, _ = quantise(weights, bias, low, high, whole)
    unused = np.uint64(0)
    if not step > 0.0:
        return -1, unused
    needed = bound_of(threshold, best, step, least) - 1.0
    if needed > 32_767.0:
        return 0, unused
    if not needed > ALL:
        return -1, unused
    bound = np.int16(needed)
    unused += add_up(data, words, base, size, whole, least, sums)
    count = 0
    for left in range(0, size, 64):
        right = min(left + 64, size)
        if reaching(sums[left:right], bound):
            for r in range(left, right):
                places[count] = r
                count += sums[r] >= bound
    return count, unused


@njit(nogil=True, cache=True)
def exact(data, words, base, size, weights, bias, count, places, scores):  # type: ignore[no-untyped-def]
    """Exact scores of the candidates into ``scores[:returned count]``, their rows in ``places``; (count, unused)."""
    unused = np.uint64(0)
    if count >= 0 and count * _DENSE < size:
        score_some(data, base, size, places[:count], weights, bias, scores[:count])
        return count, unused
    unused += score_block(data, words, base, size, weights, bias, scores)
    if count < 0:
        for r in range(size):
            places[r] = r
        return size, unused
    for i in range(count):
        scores[i] = scores[places[i]]
    return count, unused


@njit(nogil=True, cache=True)
def above(  # type: ignore[no-untyped-def]
    data, words, n, block_size, block_low, block_high, bounds, weights, bias, threshold, first_block, last_block,
):  # fmt: skip
    """Rows of blocks ``first_block:last_block`` with score >= threshold, ascending, their scores, and blocks read."""
    dims = weights.shape[0]
    whole = np.empty(dims, np.int16)
    sums = np.empty(block_size, np.int16)
    places = np.empty(block_size + 1, np.int64)
    scores = np.empty(block_size, np.float32)
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
        base = start * dims
        count, ignored = candidates(
            data, words, base, size, weights, bias, threshold, block_low[block], block_high[block],
            whole, sums, places,
        )  # fmt: skip
        unused += ignored
        if count == 0:
            continue
        count, ignored = exact(data, words, base, size, weights, bias, count, places, scores)
        unused += ignored
        if filled + count > rows.shape[0]:
            wider = np.empty(2 * rows.shape[0] + count, np.int64)
            wider[:filled] = rows[:filled]
            rows = wider
            wider_kept = np.empty(rows.shape[0], np.float32)
            wider_kept[:filled] = kept[:filled]
            kept = wider_kept
        for i in range(count):
            if scores[i] >= threshold:
                rows[filled] = start + places[i]
                kept[filled] = scores[i]
                filled += 1
    return rows[:filled], kept[:filled], looked, unused


@njit(nogil=True, cache=True)
def best(  # type: ignore[no-untyped-def]
    data, words, n, block_size, block_low, block_high, bounds, visit, weights, bias, labels, k, least,
):  # fmt: skip
    """The ``k`` best rows of the blocks ``visit``: (labels of rows, scores, blocks read), in no order.

    Ties go to the lower label. ``labels[row]`` is the caller's number of a row, or ``labels`` is empty when it is the
    row itself. Rows that score below ``least`` need not be found: -inf where nothing is known.
    """
    dims = weights.shape[0]
    whole = np.empty(dims, np.int16)
    sums = np.empty(block_size, np.int16)
    places = np.empty(block_size + 1, np.int64)
    scores = np.empty(block_size, np.float32)
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
        base = start * dims
        count = -1
        if threshold > -np.inf:
            count, ignored = candidates(
                data, words, base, size, weights, bias, threshold, block_low[block], block_high[block],
                whole, sums, places,
            )  # fmt: skip
            unused += ignored
        if count == 0:
            continue
        count, ignored = exact(data, words, base, size, weights, bias, count, places, scores)
        unused += ignored
        for j in range(count):
            if scores[j] < least:
                continue
            row = start + places[j]
            label = labels[row] if labels.shape[0] > 0 else row
            if filled < k:
                heap[filled], rows[filled] = scores[j], label
                sift_up(heap, rows, filled)
                filled += 1
            elif worse(heap[0], rows[0], scores[j], label):
                heap[0], rows[0] = scores[j], label
                sift_down(heap, rows, k)
    return rows[:filled], heap[:filled], looked, unused
