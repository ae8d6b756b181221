"""Between rows and the block-columnar layout; zone maps."""

from __future__ import annotations

from numba import njit


@njit(nogil=True, cache=True)
def pack_blocks(codes, order, block_size, data, zone_low, zone_high):  # type: ignore[no-untyped-def]
    """Write ``codes[order]`` to ``data`` block by block, and each block's lowest and highest code a dimension."""
    n, dims = order.shape[0], codes.shape[1]
    for block in range(zone_low.shape[1]):
        start = block * block_size
        size = min(block_size, n - start)
        base = start * dims
        first = order[start]
        for d in range(dims):
            zone_low[d, block] = codes[first, d]
            zone_high[d, block] = codes[first, d]
        for i in range(size):
            row = order[start + i]
            for d in range(dims):
                data[base + d * size + i] = codes[row, d]
        for d in range(dims):
            low = zone_low[d, block]
            high = zone_high[d, block]
            for i in range(base + d * size, base + (d + 1) * size):
                low = min(low, data[i])
                high = max(high, data[i])
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
