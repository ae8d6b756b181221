"""Exact counts of boxes: over all rows, and over the rows of an answer. Only blocks that a box cuts are looked at."""

from __future__ import annotations

import numpy as np
from numba import njit

from clip_branches.engine.kernels.masks import mask_of_box, read_through
from clip_branches.engine.kernels.scan import CHUNK, READ_WHOLE, WHOLE, columns_of, met_in_part, relate
from clip_branches.engine.kernels.tally import ones

_FEW = 48  # rows of a block that are tested one by one rather than all of the block at once


@njit(nogil=True, cache=True)
def count_boxes(  # type: ignore[no-untyped-def]
    data, words, n, block_size, zone_low, zone_high, block_low, block_high, first_block, last_block,
    starts, features, lows, highs, counts,
):  # fmt: skip
    """Add to ``counts[box]`` the rows of blocks ``first_block:last_block`` inside each box; no box may be empty."""
    n_boxes = starts.shape[0] - 1
    dims = zone_low.shape[0]
    relation = np.empty((CHUNK, n_boxes), np.uint8)
    parts = np.empty(n_boxes + 1, np.int64)
    seen = np.empty(dims, np.uint8)
    mask_words = np.empty((block_size + 7) // 8, np.uint64)
    mask = mask_words.view(np.uint8)
    used = np.empty(dims + 4, np.int64)
    unused = np.uint64(0)
    for chunk in range(first_block, last_block, CHUNK):
        count = min(CHUNK, last_block - chunk)
        relate(zone_low, zone_high, chunk, count, starts, features, lows, highs, relation)
        for b in range(count):
            block = chunk + b
            start = block * block_size
            size = min(block_size, n - start)
            base = start * dims
            for box in range(n_boxes):
                counts[box] += size * np.int64(relation[b, box] == WHOLE)
            met = met_in_part(relation, b, parts)
            if columns_of(parts, met, starts, features, seen) >= READ_WHOLE:
                unused += read_through(words[base // 8 : (base + size * dims) // 8])
            for i in range(met):
                box = parts[i]
                found, _ = mask_of_box(
                    data, base, size, block_low, block_high, block,
                    starts[box], starts[box + 1], features, lows, highs, mask, 0, used,
                )  # fmt: skip
                if found:
                    counts[box] += ones(mask, mask_words, 0, size)
    return unused


@njit(nogil=True, cache=True)
def _count_few(data, base, start, size, rows, at, until, first, last, features, lows, highs):  # type: ignore[no-untyped-def]
    """How many of ``rows[at:until]`` lie inside the box of entries ``first:last``."""
    total = 0
    for i in range(at, until):
        place = base + rows[i] - start
        inside = 1
        for k in range(first, last):
            value = data[place + np.int64(features[k]) * size]
            if value < lows[k] or value > highs[k]:
                inside = 0
                break
        total += inside
    return total


@njit(nogil=True, cache=True)
def count_rows(  # type: ignore[no-untyped-def]
    data, n, block_size, zone_low, zone_high, block_low, block_high, first_block, last_block,
    starts, features, lows, highs, rows, counts,
):  # fmt: skip
    """Add to ``counts[box]`` how many of ``rows`` (ascending, all in those blocks) lie inside each box."""
    n_boxes = starts.shape[0] - 1
    dims = zone_low.shape[0]
    relation = np.empty((CHUNK, n_boxes), np.uint8)
    parts = np.empty(n_boxes + 1, np.int64)
    mask = np.empty(block_size, np.uint8)
    used = np.empty(dims + 4, np.int64)
    at = 0
    for chunk in range(first_block, last_block, CHUNK):
        count = min(CHUNK, last_block - chunk)
        if at == rows.shape[0]:
            return
        if rows[at] >= (chunk + count) * block_size:
            continue
        relate(zone_low, zone_high, chunk, count, starts, features, lows, highs, relation)
        for b in range(count):
            block = chunk + b
            start = block * block_size
            size = min(block_size, n - start)
            base = start * dims
            until = at
            while until < rows.shape[0] and rows[until] < start + size:
                until += 1
            if until == at:
                continue
            for box in range(n_boxes):
                counts[box] += (until - at) * np.int64(relation[b, box] == WHOLE)
            met = met_in_part(relation, b, parts)
            for i in range(met):
                box = parts[i]
                first, last = starts[box], starts[box + 1]
                if until - at < _FEW:
                    counts[box] += _count_few(
                        data, base, start, size, rows, at, until, first, last, features, lows, highs
                    )  # fmt: skip
                    continue
                found, _ = mask_of_box(
                    data, base, size, block_low, block_high, block, first, last, features, lows, highs, mask, 0, used
                )  # fmt: skip
                if found:
                    for j in range(at, until):
                        counts[box] += mask[rows[j] - start]
            at = until
