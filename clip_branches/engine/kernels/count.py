"""Exact counts of boxes: over all rows, and over the rows of an answer. Only blocks that a box cuts are looked at."""

from __future__ import annotations

import numpy as np
from numba import njit

from clip_branches.engine.kernels.masks import mask_of_box, ones
from clip_branches.engine.kernels.scan import _CHUNK, _PART, _WHOLE, _relate

_FEW = 48  # rows of a block that are tested one by one rather than all of the block at once


@njit(nogil=True, cache=True)
def count_boxes(  # type: ignore[no-untyped-def]
    data, n, block_size, zone_low, zone_high, block_low, block_high, first_block, last_block,
    starts, features, lows, highs, counts,
):  # fmt: skip
    """Add to ``counts[box]`` the rows of blocks ``first_block:last_block`` inside each box; no box may be empty."""
    n_boxes = starts.shape[0] - 1
    dims = zone_low.shape[0]
    relation = np.empty((n_boxes, _CHUNK), np.uint8)
    mask = np.empty(block_size, np.uint8)
    used = np.empty(dims, np.int64)
    for chunk in range(first_block, last_block, _CHUNK):
        count = min(_CHUNK, last_block - chunk)
        _relate(zone_low, zone_high, chunk, count, starts, features, lows, highs, relation)
        for b in range(count):
            block = chunk + b
            start = block * block_size
            size = min(block_size, n - start)
            for box in range(n_boxes):
                if relation[box, b] == _WHOLE:
                    counts[box] += size
                elif relation[box, b] == _PART:
                    found, _ = mask_of_box(
                        data, start * dims, size, block_low[block], block_high[block],
                        starts[box], starts[box + 1], features, lows, highs, mask, used,
                    )  # fmt: skip
                    if found:
                        counts[box] += ones(mask[:size])


@njit(nogil=True, cache=True)
def count_rows(  # type: ignore[no-untyped-def]
    data, n, block_size, zone_low, zone_high, block_low, block_high, first_block, last_block,
    starts, features, lows, highs, rows, counts,
):  # fmt: skip
    """Add to ``counts[box]`` how many of ``rows`` (ascending, all in those blocks) lie inside each box."""
    n_boxes = starts.shape[0] - 1
    dims = zone_low.shape[0]
    relation = np.empty((n_boxes, _CHUNK), np.uint8)
    mask = np.empty(block_size, np.uint8)
    used = np.empty(dims, np.int64)
    at = 0
    for chunk in range(first_block, last_block, _CHUNK):
        count = min(_CHUNK, last_block - chunk)
        if at == rows.shape[0]:
            return
        if rows[at] >= (chunk + count) * block_size:
            continue
        _relate(zone_low, zone_high, chunk, count, starts, features, lows, highs, relation)
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
                if relation[box, b] == _WHOLE:
                    counts[box] += until - at
                elif relation[box, b] == _PART and until - at < _FEW:
                    for i in range(at, until):
                        place = base + rows[i] - start
                        inside = 1
                        for k in range(starts[box], starts[box + 1]):
                            value = data[place + np.int64(features[k]) * size]
                            if value < lows[k] or value > highs[k]:
                                inside = 0
                                break
                        counts[box] += inside
                elif relation[box, b] == _PART:
                    found, _ = mask_of_box(
                        data, base, size, block_low[block], block_high[block],
                        starts[box], starts[box + 1], features, lows, highs, mask, used,
                    )  # fmt: skip
                    if found:
                        for i in range(at, until):
                            counts[box] += mask[rows[i] - start]
            at = until
