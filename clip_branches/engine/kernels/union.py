"""The rows of a union of boxes with their scores, in one pass: a block's hits are scored while it is in the cache."""

from __future__ import annotations

import numpy as np
from numba import njit

from clip_branches.engine.kernels.linear import DENSE, MANY, score_block, score_some
from clip_branches.engine.kernels.masks import mask_of_box, read_through
from clip_branches.engine.kernels.scan import CHUNK, MISS, WHOLE, columns_of, met_in_part, relate
from clip_branches.engine.kernels.tally import fill, places_of, unite

_READ_WHOLE = 5  # columns needed of a block from which all are read, in one run: its hits need the others, too


@njit(nogil=True, cache=True)
def scan_union(  # type: ignore[no-untyped-def]
    data, words, n, block_size, zone_low, zone_high, block_low, block_high, first_block, last_block,
    starts, features, lows, highs, weights, bias,
):  # fmt: skip
    """Rows of blocks ``first_block:last_block`` inside any box, ascending, and their scores.

    Box ``i`` holds entries ``starts[i]:starts[i + 1]`` of (features, lows, highs); none may be empty. ``words`` is
    ``data`` as 8-byte words. Also returns blocks looked at and bytes read of them.
    """
    n_boxes = starts.shape[0] - 1
    dims = zone_low.shape[0]
    relation = np.empty((CHUNK, n_boxes), np.uint8)
    parts = np.empty(n_boxes + 1, np.int64)
    seen = np.empty(dims, np.uint8)
    used = np.empty(dims + 4, np.int64)
    mask = np.empty(block_size, np.uint8)
    union_words = np.zeros((block_size + 7) // 8, np.uint64)
    union = union_words.view(np.uint8)
    places = np.empty(block_size + 8, np.int64)
    scores = np.empty(block_size, np.float32)
    rows = np.empty(max(block_size, 1024), np.int64)
    kept = np.empty(max(block_size, 1024), np.float32)
    filled, looked, read = 0, 0, 0
    unused = np.uint64(0)
    for chunk in range(first_block, last_block, CHUNK):
        count = min(CHUNK, last_block - chunk)
        relate(zone_low, zone_high, chunk, count, starts, features, lows, highs, relation)
        for b in range(count):
            best = np.uint8(MISS)
            for box in range(n_boxes):
                best = max(best, relation[b, box])
            if best == MISS:
                continue
            looked += 1
            block = chunk + b
            start = block * block_size
            size = min(block_size, n - start)
            base = start * dims
            whole = best == WHOLE
            at_once = False
            if whole:
                fill(union, 1, size)
            else:
                met = met_in_part(relation, b, parts)
                at_once = columns_of(parts, met, starts, features, seen) >= _READ_WHOLE
                if at_once:
                    unused += read_through(words[base // 8 : (base + size * dims) // 8])
                columns, touched = 0, False
                for i in range(met):
                    box = parts[i]
                    found, taken = mask_of_box(
                        data, base, size, block_low, block_high, block,
                        starts[box], starts[box + 1], features, lows, highs, mask, 0, used,
                    )  # fmt: skip
                    columns += taken
                    if found:
                        unite(mask, union, size, touched)
                        touched = True
                read += size * (dims if at_once else columns)
                if not touched:
                    continue
            hits = places_of(union, union_words, size, places)
            if filled + hits > rows.shape[0]:
                wider = np.empty(2 * rows.shape[0] + hits, np.int64)
                wider[:filled] = rows[:filled]
                rows = wider
                wider_kept = np.empty(rows.shape[0], np.float32)
                wider_kept[:filled] = kept[:filled]
                kept = wider_kept
            if hits * DENSE >= size:
                unused += score_block(data, words, base, size, weights, bias, scores)
                for i in range(hits):
                    kept[filled + i] = scores[places[i]]
            else:
                if hits >= MANY and not at_once:
                    unused += read_through(words[base // 8 : (base + size * dims) // 8])
                score_some(data, base, size, places[:hits], weights, bias, kept[filled : filled + hits])
            for i in range(hits):
                rows[filled + i] = start + places[i]
            filled += hits
    return rows[:filled], kept[:filled], looked, read, unused
