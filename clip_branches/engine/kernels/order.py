"""Index order: a recursive median split of the rows over all dimensions."""

from __future__ import annotations

import numpy as np
from numba import njit

_SAMPLE = 512  # rows looked at to choose the split dimension of a node


@njit(nogil=True, cache=True)
def _widest_dimension(codes, order, start, stop):  # type: ignore[no-untyped-def]
    """Dimension of largest variance over at most ``_SAMPLE`` evenly spaced rows of the node (first one on ties)."""
    dims = codes.shape[1]
    count = min(_SAMPLE, stop - start)
    total = np.zeros(dims, np.int64)
    squares = np.zeros(dims, np.int64)
    for i in range(count):
        row = order[start + (stop - start) * i // count]
        for d in range(dims):
            value = np.int64(codes[row, d])
            total[d] += value
            squares[d] += value * value
    best, best_spread = 0, np.int64(-1)
    for d in range(dims):
        spread = squares[d] * count - total[d] * total[d]
        if spread > best_spread:
            best, best_spread = d, spread
    return best


@njit(nogil=True, cache=True)
def _split(codes, order, scratch, values, start, stop, middle, dim):  # type: ignore[no-untyped-def]
    """Stable partition of ``order[start:stop]``: the ``middle - start`` rows smallest in ``dim`` come first."""
    histogram = np.zeros(256, np.int64)
    for i in range(start, stop):
        value = codes[order[i], dim]
        values[i] = value
        histogram[value] += 1
    wanted = middle - start
    below, pivot = np.int64(0), 0
    while below + histogram[pivot] < wanted:
        below += histogram[pivot]
        pivot += 1
    ties_left = wanted - below  # rows equal to the pivot that still go left, the earliest first
    left, right = start, 0
    for i in range(start, stop):
        row = order[i]
        value = values[i]
        if value < pivot:
            order[left] = row
            left += 1
        elif value == pivot and ties_left > 0:
            ties_left -= 1
            order[left] = row
            left += 1
        else:
            scratch[right] = row
            right += 1
    order[left:stop] = scratch[:right]


@njit(nogil=True, cache=True)
def median_split_order(codes, block_size, order):  # type: ignore[no-untyped-def]
    """Arrange ``order`` (a permutation, changed in place) so that consecutive blocks are cells of a k-d tree.

    Every split lies at a multiple of ``block_size``, so all blocks but the last are full.
    """
    n = order.shape[0]
    scratch = np.empty((n + 1) // 2 + block_size, order.dtype)
    values = np.empty(n, np.uint8)
    stack = np.empty((128, 2), np.int64)
    stack[0, 0], stack[0, 1] = 0, n
    depth = 1
    while depth > 0:
        depth -= 1
        start, stop = stack[depth, 0], stack[depth, 1]
        blocks = (stop - start + block_size - 1) // block_size
        if blocks < 2:
            continue
        middle = start + (blocks + 1) // 2 * block_size
        dim = _widest_dimension(codes, order, start, stop)
        _split(codes, order, scratch, values, start, stop, middle, dim)
        stack[depth, 0], stack[depth, 1] = start, middle
        stack[depth + 1, 0], stack[depth + 1, 1] = middle, stop
        depth += 2
