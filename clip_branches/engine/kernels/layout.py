"""Between rows and the block-columnar layout; zone maps."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def pack_blocks(codes, block_size, data, zone_low, zone_high, first_block, last_block):  # type: ignore[no-untyped-def]
    """Write the rows of ``codes`` to ``data`` block by block, and each block's lowest and highest code a dimension.

    ``data`` may be the memory of ``codes``: a block takes the place of its rows.
    """
    n, dims = codes.shape
    rows = np.empty((block_size, dims), np.uint8)
    for block in range(first_block, last_block):
        start = block * block_size
        size = min(block_size, n - start)
        base = start * dims
        rows[:size] = codes[start : start + size]
        for d in range(dims):
            column = data[base + d * size : base + (d + 1) * size]
            for i in range(size):
                column[i] = rows[i, d]
            low, high = np.uint8(255), np.uint8(0)
            for i in range(size):
                low = min(low, column[i])
                high = max(high, column[i])
            zone_low[d, block] = low
            zone_high[d, block] = high


@njit(nogil=True, cache=True)
def gather_rows(data, n, block_size, rows, out):  # type: ignore[no-untyped-def]
    """Codes of the rows (positions in index order) into ``out`` (k, dims)."""
    dims = out.shape[1]
    for i in range(rows.shape[0]):
        start = rows[i] // block_size * block_size
        size = min(block_size, n - start)
        base = start * dims + rows[i] - start
        for d in range(dims):
            out[i, d] = data[base + d * size]


@njit(nogil=True, cache=True)
def gather_ordered(data, n, block_size, rows, order, out):  # type: ignore[no-untyped-def]
    """``out[i]`` = codes of ``rows[i]`` for every i of ``order``, which visits rows of one block one after another."""
    dims = out.shape[1]
    for j in range(order.shape[0]):
        i = order[j]
        start = rows[i] // block_size * block_size
        size = min(block_size, n - start)
        base = start * dims + rows[i] - start
        for d in range(dims):
            out[i, d] = data[base + d * size]
