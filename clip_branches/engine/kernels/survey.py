"""What an answer is, without listing it: how many rows, the first of them, and what boxes hold of it. One pass.

Block by block a byte a row says what is accepted: by a score, where the zone's corners and sums of integers (see
``sums``) settle nearly all rows and the float32 score the others, or from a list of rows. The rest is sums over those
bytes and a bounded heap. Nothing is kept of a block, so that a large answer costs no more than a small one.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from clip_branches.engine.kernels.heap import sift_down, sift_up, worse
from clip_branches.engine.kernels.masks import mask_of_box, ones, read_through
from clip_branches.engine.kernels.scan import CHUNK, READ_WHOLE, WHOLE, columns_of, met_in_part, relate
from clip_branches.engine.kernels.screen import exact
from clip_branches.engine.kernels.sums import ALL, add_up, bound_of, quantise

_VOTE = 1 << 16  # what a box adds to a row that it holds, beside its own number
_MOST = 32_767.0


@njit(nogil=True, cache=True)
def _set_places(flags, words, size, places):  # type: ignore[no-untyped-def]
    """``places[:count]`` = where ``flags[:size]`` is 1, ascending; ``words`` is the same memory, eight a word."""
    count = np.int64(0)
    for w in range((size + 7) // 8):
        if words[w] != 0:
            for r in range(8 * w, min(8 * w + 8, size)):
                places[count] = r
                count += np.int64(flags[r])
    return count


@njit(nogil=True, cache=True)
def _settle(sums, possible, certain, accept, doubt):  # type: ignore[no-untyped-def]
    """1 in ``accept`` where a sum is surely enough, in ``doubt`` where it may be; whether any is in doubt."""
    least = np.int16(max(possible, np.float64(ALL)))
    enough = np.int16(min(max(certain, np.float64(ALL)), _MOST))
    ever = np.uint8(certain <= _MOST)
    some = np.uint8(0)
    for r in range(sums.shape[0]):
        sure = np.uint8(np.uint8(sums[r] >= enough) & ever)
        open_ = np.uint8(np.uint8(sums[r] >= least) & np.uint8(sure ^ np.uint8(1)))
        accept[r] = sure
        doubt[r] = open_
        some = np.uint8(some | open_)
    return some != 0


@njit(nogil=True, cache=True)
def _reach(sums, needed, accept, found):  # type: ignore[no-untyped-def]
    """1 in ``found`` for accepted rows whose sum is at least ``needed``; whether there is any."""
    bound = np.int16(max(needed, np.float64(ALL)))
    some = np.uint8(0)
    for r in range(sums.shape[0]):
        one = np.uint8(np.uint8(sums[r] >= bound) & accept[r])
        found[r] = one
        some = np.uint8(some | one)
    return some != 0


@njit(nogil=True, cache=True)
def _hold(held, mask, worth):  # type: ignore[no-untyped-def]
    for r in range(mask.shape[0]):
        held[r] += np.int32(mask[r]) * worth


@njit(nogil=True, cache=True)
def _both(mask, accept, both):  # type: ignore[no-untyped-def]
    for r in range(mask.shape[0]):
        both[r] = np.uint8(mask[r] & accept[r])


@njit(nogil=True, cache=True)
def _held(held, accept, any_, single):  # type: ignore[no-untyped-def]
    """Accepted rows that a box holds, and those that one alone holds."""
    for r in range(accept.shape[0]):
        any_[r] = np.uint8(np.uint8(held[r] > 0) & accept[r])
        single[r] = np.uint8(np.uint8(held[r] < 2 * _VOTE) & any_[r])


@njit(nogil=True, cache=True)
def survey(  # type: ignore[no-untyped-def]
    data, words, n, block_size, zone_low, zone_high, block_low, block_high, highest, lowest, first_block, last_block,
    weights, bias, by_score, threshold, rows, live, k, least,
    starts, features, lows, highs, on, tally,
):  # fmt: skip
    """Survey blocks ``first_block:last_block``: (accepted, in any box that is on, best rows and scores, looked at).

    Accepted are live rows that score ``threshold`` or more (``by_score``), else ``rows`` (ascending, all in these
    blocks). ``highest`` and ``lowest`` bound the scores of each block. ``live`` is 1 for rows that count, or empty
    where all do. The ``k`` >= 1 best accepted rows are kept, ties to the lower row; rows below the score ``least``
    need not be. ``tally`` (3, boxes) is added, of each box, the live rows inside, the accepted ones, and those that no
    other box which is ``on`` holds. At most 255 boxes, none empty.
    """
    n_boxes = starts.shape[0] - 1
    dims = weights.shape[0]
    lanes = (block_size + 7) // 8
    relation = np.empty((CHUNK, n_boxes), np.uint8)
    parts = np.empty(n_boxes + 1, np.int64)
    seen = np.empty(dims, np.uint8)
    used = np.empty(dims + 1, np.int64)
    whole = np.empty(dims, np.int16)
    sums = np.empty(block_size, np.int16)
    places = np.empty(block_size + 8, np.int64)
    scores = np.empty(block_size, np.float32)
    held = np.empty(block_size, np.int32)
    accept_words, flag_words = np.zeros(lanes, np.uint64), np.zeros(lanes, np.uint64)
    mask_words = np.zeros(lanes, np.uint64)
    accept, flags, mask = accept_words.view(np.uint8), flag_words.view(np.uint8), mask_words.view(np.uint8)
    heap = np.empty(k, np.float32)
    names = np.empty(k, np.int64)
    filled, looked, total, covered, at = 0, 0, np.int64(0), np.int64(0), np.int64(0)
    unused = np.uint64(0)
    some_dead = live.shape[0] > 0
    for chunk in range(first_block, last_block, CHUNK):
        count = min(CHUNK, last_block - chunk)
        relate(zone_low, zone_high, chunk, count, starts, features, lows, highs, relation)
        for b in range(count):
            block = chunk + b
            start = block * block_size
            size = min(block_size, n - start)
            base = start * dims
            summed, opened = False, False
            step, lowest_sum, upper, lower = 0.0, np.int64(0), 0.0, 0.0

            # Which rows are accepted.
            accepted = np.int64(0)
            if not by_score:
                if at < rows.shape[0] and rows[at] < start + size:
                    accept[:size] = 0
                    while at < rows.shape[0] and rows[at] < start + size:
                        accept[rows[at] - start] = 1
                        at += 1
                        accepted += 1
            elif highest[block] >= threshold:
                if lowest[block] >= threshold:
                    accept[:size] = 1
                else:
                    opened = True
                    step, lowest_sum, upper, lower = quantise(
                        weights, bias, block_low[block], block_high[block], whole
                    )  # fmt: skip
                    summed = True
                    possible = bound_of(threshold, upper, step, lowest_sum) - 1.0
                    certain = bound_of(threshold, lower, step, lowest_sum) + 1.0
                    if possible > _MOST:
                        accept[:size] = 0
                    else:
                        unused += add_up(data, words, base, size, whole, lowest_sum, sums)
                        if _settle(sums[:size], possible, certain, accept, flags):
                            found = _set_places(flags, flag_words, size, places)
                            found, ignored = exact(data, words, base, size, weights, bias, found, places, scores)
                            unused += ignored
                            for i in range(found):
                                accept[places[i]] = np.uint8(scores[i] >= threshold)
                if some_dead:
                    _both(live[start : start + size], accept, accept)
                accepted = ones(accept, accept_words, size)
            total += accepted

            # The best of them.
            top = threshold if by_score and threshold > least else least
            if filled == k and heap[0] > top:
                top = heap[0]
            if accepted > 0 and highest[block] >= top:
                opened = True
                found = np.int64(0)
                if top == -np.inf or accepted < 8:
                    found = _set_places(accept, accept_words, size, places)
                else:
                    if not summed:
                        step, lowest_sum, upper, lower = quantise(
                            weights, bias, block_low[block], block_high[block], whole
                        )  # fmt: skip
                        if step > 0.0:
                            unused += add_up(data, words, base, size, whole, lowest_sum, sums)
                    if not step > 0.0:
                        found = _set_places(accept, accept_words, size, places)
                    else:
                        needed = bound_of(top, upper, step, lowest_sum) - 1.0
                        if needed <= _MOST and _reach(sums[:size], needed, accept, flags):
                            found = _set_places(flags, flag_words, size, places)
                if found > 0:
                    found, ignored = exact(data, words, base, size, weights, bias, found, places, scores)
                    unused += ignored
                    for i in range(found):
                        score = scores[i]
                        if score < top:
                            continue
                        row = start + places[i]
                        if filled < k:
                            heap[filled], names[filled] = score, row
                            sift_up(heap, names, filled)
                            filled += 1
                        elif worse(heap[0], names[0], score, row):
                            heap[0], names[0] = score, row
                            sift_down(heap, names, k)

            looked += opened
            # What the boxes hold of the block and of its accepted rows.
            met = met_in_part(relation, b, parts)
            around = np.int32(0)  # what the boxes that hold the whole block add to each of its rows
            alive = size
            if some_dead:
                alive = np.int64(live[start : start + size].sum())
            for box in range(n_boxes):
                if relation[b, box] == WHOLE:
                    tally[0, box] += alive
                    tally[1, box] += accepted
                    if on[box]:
                        around += np.int32(_VOTE + box)
            if met == 0:
                if accepted > 0 and around > 0:
                    covered += accepted
                    if around < 2 * _VOTE:
                        tally[2, around - _VOTE] += accepted
                continue
            if not summed and columns_of(parts, met, starts, features, seen) >= READ_WHOLE:
                unused += read_through(words[base // 8 : (base + size * dims) // 8])
            held[:size] = around
            for i in range(met):
                box = parts[i]
                any_, _ = mask_of_box(
                    data, base, size, block_low, block_high, block,
                    starts[box], starts[box + 1], features, lows, highs, mask, used,
                )  # fmt: skip
                if not any_:
                    continue
                if some_dead:
                    _both(live[start : start + size], mask, mask)
                tally[0, box] += ones(mask, mask_words, size)
                if accepted == 0:
                    continue
                if on[box]:
                    _hold(held, mask[:size], np.int32(_VOTE + box))
                if accepted == alive:
                    tally[1, box] += ones(mask, mask_words, size)
                else:
                    _both(mask[:size], accept, flags)
                    tally[1, box] += ones(flags, flag_words, size)
            if accepted > 0:
                _held(held, accept[:size], flags, mask)
                covered += ones(flags, flag_words, size)
                for i in range(_set_places(mask, mask_words, size, places)):
                    tally[2, held[places[i]] - _VOTE] += 1
    return total, covered, names[:filled], heap[:filled], looked, unused
