"""What an answer is, without listing it: how many rows, the first of them, and what boxes hold of it. One pass.

Block by block a byte a row says what is accepted: by the score, or from a list of rows; and for each box that cuts the
block, which rows it holds. The rest is sums over those bytes and a bounded heap. Nothing is kept of a block, so that a
large answer costs no more than a small one.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from clip_branches.engine.kernels.heap import keep_best
from clip_branches.engine.kernels.linear import DENSE, score_block, score_some
from clip_branches.engine.kernels.masks import mask_of_box, read_through
from clip_branches.engine.kernels.scan import CHUNK, READ_WHOLE, WHOLE, columns_of, met_in_part, relate
from clip_branches.engine.kernels.tally import (
    add_marks,
    any_and_single,
    both,
    common,
    fill,
    ones,
    places_of,
    reaching,
    turn_away,
)


@njit(nogil=True, cache=True)
def survey(  # type: ignore[no-untyped-def]
    data, words, n, block_size, zone_low, zone_high, block_low, block_high, highest, lowest, first_block, last_block,
    weights, bias, by_score, threshold, rows, live, k, least,
    starts, features, lows, highs, on, tally,
):  # fmt: skip
    """Survey blocks ``first_block:last_block``: (accepted, in any box that is on, best rows and scores, looked at).

    Accepted are live rows that score ``threshold`` or more, but for those that boxes hold which are not ``on`` and none
    that is (``by_score``), else ``rows`` (ascending, all in these blocks). ``highest`` and ``lowest`` bound the scores
    of each block. ``live`` is 1 for rows that count, or empty where all do. The ``k`` >= 1 best accepted rows are
    kept, ties to the lower row; rows below the score ``least`` need not be. ``tally`` (3, boxes) is added, of each box,
    the live rows inside, the accepted ones, and those that no other box which is ``on`` holds, for boxes that are on.
    At most 255 boxes, none empty.
    """
    n_boxes = starts.shape[0] - 1
    dims = weights.shape[0]
    lanes = (block_size + 7) // 8
    relation = np.empty((CHUNK, n_boxes), np.uint8)
    parts = np.empty(n_boxes + 1, np.int64)
    seen = np.empty(dims, np.uint8)
    used = np.empty(dims + 4, np.int64)
    places = np.empty(block_size + 8, np.int64)
    scores = np.empty(block_size, np.float32)
    accept_words, mask_words = np.zeros(lanes, np.uint64), np.zeros(lanes, np.uint64)
    any_words, single_words = np.zeros(lanes, np.uint64), np.zeros(lanes, np.uint64)
    accept, mask = accept_words.view(np.uint8), mask_words.view(np.uint8)
    any_, single = any_words.view(np.uint8), single_words.view(np.uint8)
    # The rows of each box that cuts the block.
    held_words = np.zeros(n_boxes * lanes, np.uint64)
    held = held_words.view(np.uint8)
    count_on, count_off = np.empty(block_size, np.uint8), np.empty(block_size, np.uint8)
    heap, names = np.empty(k, np.float32), np.empty(k, np.int64)
    filled, looked, total, covered, at = 0, 0, np.int64(0), np.int64(0), np.int64(0)
    unused = np.uint64(0)
    some_dead = live.shape[0] > 0
    some_off = by_score and on.sum() < n_boxes
    for chunk in range(first_block, last_block, CHUNK):
        count = min(CHUNK, last_block - chunk)
        relate(zone_low, zone_high, chunk, count, starts, features, lows, highs, relation)
        for b in range(count):
            block = chunk + b
            start = block * block_size
            size = min(block_size, n - start)
            base = start * dims
            scored = False

            # Which rows are accepted, as far as the score or the list says.
            accepted = np.int64(0)
            if not by_score:
                if at < rows.shape[0] and rows[at] < start + size:
                    fill(accept, 0, size)
                    while at < rows.shape[0] and rows[at] < start + size:
                        accept[rows[at] - start] = 1
                        at += 1
                        accepted += 1
            elif highest[block] >= threshold:
                if lowest[block] >= threshold:
                    fill(accept, 1, size)
                else:
                    unused += score_block(data, words, base, size, weights, bias, scores)
                    scored = True
                    reaching(scores, size, threshold, accept)
                if some_dead:
                    both(live, start, accept, 0, size)
                accepted = ones(accept, accept_words, 0, size)

            # Which rows each box holds.
            alive = size
            if some_dead:
                alive = np.int64(live[start : start + size].sum())
            whole_on, whole_off, alone = np.uint8(0), np.uint8(0), 0
            for box in range(n_boxes):
                if relation[b, box] == WHOLE:
                    if on[box]:
                        whole_on += np.uint8(1)
                        alone = box
                    else:
                        whole_off += np.uint8(1)
            met = met_in_part(relation, b, parts)
            if not scored and columns_of(parts, met, starts, features, seen) >= READ_WHOLE:
                unused += read_through(words[base // 8 : (base + size * dims) // 8])
            if accepted > 0 and (met > 0 or whole_off > 0):
                fill(count_on, whole_on, size)
                fill(count_off, whole_off, size)
            for i in range(met):
                box, own = parts[i], i * lanes * 8
                found, _ = mask_of_box(
                    data, base, size, block_low, block_high, block,
                    starts[box], starts[box + 1], features, lows, highs, held, own, used,
                )  # fmt: skip
                if not found:
                    parts[i] = -1
                    continue
                if some_dead:
                    both(live, start, held, own, size)
                tally[0, box] += ones(held, held_words, own, size)
                if accepted == 0:
                    continue
                if on[box]:
                    add_marks(held, own, size, count_on)
                else:
                    add_marks(held, own, size, count_off)
            if some_off and accepted > 0 and (met > 0 or whole_off > 0):
                turn_away(count_off, count_on, size, accept)
                accepted = ones(accept, accept_words, 0, size)
            total += accepted
            for box in range(n_boxes):
                if relation[b, box] == WHOLE:
                    tally[0, box] += alive
                    tally[1, box] += accepted

            # The best of those accepted.
            top = threshold if by_score and threshold > least else least
            if filled == k and heap[0] > top:
                top = heap[0]
            better = accepted > 0 and highest[block] >= top
            looked += 1 if scored or better else 0
            if better:
                if not scored and accepted * DENSE < size:
                    found = places_of(accept, accept_words, size, places)
                    score_some(data, base, size, places[:found], weights, bias, scores[:found])
                    for i in range(found):
                        if scores[i] >= top:
                            filled = keep_best(heap, names, filled, scores[i], start + places[i])
                else:
                    if not scored:
                        unused += score_block(data, words, base, size, weights, bias, scores)
                    reaching(scores, size, top, mask)
                    both(accept, 0, mask, 0, size)
                    for i in range(places_of(mask, mask_words, size, places)):
                        filled = keep_best(heap, names, filled, scores[places[i]], start + places[i])

            # What boxes hold of those accepted.
            if accepted == 0:
                continue
            if met == 0:
                if whole_on > 0:
                    covered += accepted
                if whole_on == 1:
                    tally[2, alone] += accepted
                continue
            any_and_single(count_on, size, any_, single)
            both(accept, 0, single, 0, size)
            covered += common(any_, any_words, 0, accept, accept_words, size)
            for i in range(met):
                box = parts[i]
                if box < 0:
                    continue
                own = i * lanes * 8
                tally[1, box] += common(held, held_words, own, accept, accept_words, size)
                if on[box] and whole_on == 0:
                    tally[2, box] += common(held, held_words, own, single, single_words, size)
            if whole_on == 1:
                tally[2, alone] += ones(single, single_words, 0, size)
    return total, covered, names[:filled], heap[:filled], looked, unused
