"""Half-space and top-k queries: a sum of 16-bit integers rules rows out, the float32 score decides the rest.

For one block, with codes between low_d and high_d, weights are rounded to integers q_d of a step s chosen so that
sum |q_d| (high_d - low_d) < 2^16. Then A = sum q_d c_d, shifted by what it is at least, fits 16 bits, and integer
sums that wrap round on the way come out right all the same. With errors e_d = w_d - s q_d, the exact score is

    bias + s A + sum e_d c_d,   where   sum e_d c_d  <=  sum e_d mid_d + |e_d| half_d   over the block's zone,

so score >= t implies A >= (t - bias - sum e_d mid_d - sum |e_d| half_d) / s, and only rows that reach this bound (and
a little less, for the roundings of the float32 score) are scored. Nothing is ever accepted on the integers' word.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from clip_branches.engine.kernels.heap import sift_down, sift_up, worse
from clip_branches.engine.kernels.linear import score_block, score_some
from clip_branches.engine.kernels.masks import read_through

_DENSE = 12  # a block is scored whole where one row in so many is left
# 33 additions and 32 products in float32, each off by at most 2^-24 of the sum of absolute terms; doubled.
_ROUNDING = 80.0 * 2.0**-24
_ALL = -32768


@njit(nogil=True, cache=True)
def _quantise(weights, bias, low, high, whole):  # type: ignore[no-untyped-def]
    """``whole`` (dims,) = q; returns (s, least value of A, bias + error at best + roundings) of a block."""
    dims = weights.shape[0]
    spread, halves = 0.0, 0.0
    for d in range(dims):
        width = np.float64(high[d]) - np.float64(low[d])
        spread += abs(np.float64(weights[d])) * width
        halves += 0.5 * width
    step = spread / (65_000.0 - halves)
    least = np.int64(0)
    offset = np.float64(bias)
    size = abs(np.float64(bias))
    for d in range(dims):
        w = np.float64(weights[d])
        below, above = np.float64(low[d]), np.float64(high[d])
        q = np.rint(w / step) if above > below and step > 0.0 else 0.0
        whole[d] = np.int64(q)
        least += np.int64(q) * np.int64(low[d] if q > 0 else high[d])
        error = w - step * q
        offset += error * 0.5 * (below + above) + abs(error) * 0.5 * (above - below)
        size += abs(w) * above
    return step, least, offset + _ROUNDING * size


@njit(nogil=True, cache=True)
def _add_eight(data, base, size, d, whole, sums):  # type: ignore[no-untyped-def]
    """Add dimensions ``d`` to ``d + 7`` to ``sums[:size]``; int16 throughout, wrapping round."""
    w0, w1, w2, w3 = whole[d], whole[d + 1], whole[d + 2], whole[d + 3]
    w4, w5, w6, w7 = whole[d + 4], whole[d + 5], whole[d + 6], whole[d + 7]
    c0 = data[base + d * size : base + (d + 1) * size]
    c1 = data[base + (d + 1) * size : base + (d + 2) * size]
    c2 = data[base + (d + 2) * size : base + (d + 3) * size]
    c3 = data[base + (d + 3) * size : base + (d + 4) * size]
    c4 = data[base + (d + 4) * size : base + (d + 5) * size]
    c5 = data[base + (d + 5) * size : base + (d + 6) * size]
    c6 = data[base + (d + 6) * size : base + (d + 7) * size]
    c7 = data[base + (d + 7) * size : base + (d + 8) * size]
    for r in range(size):
        s = np.int16(sums[r] + np.int16(w0 * c0[r]))
        s = np.int16(s + np.int16(w1 * c1[r]))
        s = np.int16(s + np.int16(w2 * c2[r]))
        s = np.int16(s + np.int16(w3 * c3[r]))
        s = np.int16(s + np.int16(w4 * c4[r]))
        s = np.int16(s + np.int16(w5 * c5[r]))
        s = np.int16(s + np.int16(w6 * c6[r]))
        sums[r] = np.int16(s + np.int16(w7 * c7[r]))


@njit(nogil=True, cache=True)
def _reaching(sums, least):  # type: ignore[no-untyped-def]
    """Whether any sum is at least ``least`` (over a slice from 0: only then are the steps made into vectors)."""
    found = np.uint8(0)
    for r in range(sums.shape[0]):
        found = np.uint8(found | np.uint8(sums[r] >= least))
    return found != 0


@njit(nogil=True, cache=True)
def candidates(data, words, base, size, weights, bias, threshold, low, high, whole, sums, places):  # type: ignore[no-untyped-def]
    """``places[:count]`` = rows of the block that may score ``threshold`` or more, ascending; (count, unused).

    count is -1 where the integers rule out no row. ``whole``: int16 (dims,), ``sums``: int16, ``places``: int64 (block
    size,), all scratch.
    """
    step, least, best = _quantise(weights, bias, low, high, whole)
    unused = np.uint64(0)
    if not step > 0.0:
        return -1, unused
    needed = np.ceil((np.float64(threshold) - best) / step) - 1.0 - np.float64(least) + _ALL
    if needed > 32_767.0:
        return 0, unused
    if not needed > _ALL:
        return -1, unused
    bound = np.int16(needed)
    # ((x + 2^15) mod 2^16) - 2^15: the 16 low bits, as a signed number
    sums[:size] = np.int16((-least + _ALL + 32_768) % 65_536 - 32_768)
    for d in range(0, weights.shape[0], 8):
        unused += read_through(words[(base + d * size) // 8 : (base + (d + 8) * size) // 8])
        _add_eight(data, base, size, d, whole, sums)
    count = 0
    for left in range(0, size, 64):
        right = min(left + 64, size)
        if _reaching(sums[left:right], bound):
            for r in range(left, right):
                places[count] = r
                count += sums[r] >= bound
    return count, unused


@njit(nogil=True, cache=True)
def _exact(data, words, base, size, weights, bias, count, places, scores):  # type: ignore[no-untyped-def]
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
        count, ignored = _exact(data, words, base, size, weights, bias, count, places, scores)
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
        count, ignored = _exact(data, words, base, size, weights, bias, count, places, scores)
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
