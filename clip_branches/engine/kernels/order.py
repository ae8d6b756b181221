"""Index order: a recursive median split of the rows over all dimensions, the rows themselves moving along.

Rows are moved as four 8-byte words each. Every pass then runs through memory in order; sorting row numbers alone would
jump to another row for every byte looked at.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_SAMPLE = 512  # rows looked at to choose the split dimension of a node


@njit(nogil=True, cache=True)
def _widest_dimension(codes, start, stop):  # type: ignore[no-untyped-def]
    """Dimension of largest variance over at most ``_SAMPLE`` evenly spaced rows of the node (first one on ties)."""
    dims = codes.shape[1]
    count = min(_SAMPLE, stop - start)
    total = np.zeros(dims, np.int64)
    squares = np.zeros(dims, np.int64)
    for i in range(count):
        row = start + (stop - start) * i // count
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
def _pivot(codes, dim, start, stop, wanted):  # type: ignore[no-untyped-def]
    """Value of the last of the ``wanted`` rows smallest in ``dim``, and how many equal to it are among them."""
    histogram = np.zeros(256, np.int64)
    for i in range(start, stop):
        histogram[codes[i, dim]] += 1
    below, pivot = np.int64(0), 0
    while below + histogram[pivot] < wanted:
        below += histogram[pivot]
        pivot += 1
    return pivot, wanted - below


@njit(nogil=True, cache=True)
def middle_of(start, stop, block_size):  # type: ignore[no-untyped-def]
    """Where a node is split: at a multiple of ``block_size`` from its start; ``stop`` for one that is a block."""
    blocks = (stop - start + block_size - 1) // block_size
    return stop if blocks < 2 else start + (blocks + 1) // 2 * block_size


@njit(nogil=True, cache=True)
def split_first(codes, words, middle, moved, order):  # type: ignore[no-untyped-def]
    """The first split, from ``codes`` (n, dims), with ``words`` (n, 4) the same memory, to ``moved`` and ``order``."""
    n = codes.shape[0]
    dim = _widest_dimension(codes, 0, n)
    pivot, ties = _pivot(codes, dim, 0, n, middle)
    left, right = 0, middle
    for i in range(n):
        value = codes[i, dim]
        if value < pivot or (value == pivot and ties > 0):
            ties -= 1 if value == pivot else 0
            to = left
            left += 1
        else:
            to = right
            right += 1
        for w in range(4):
            moved[to, w] = words[i, w]
        order[to] = i


@njit(nogil=True, cache=True)
def _split(codes, words, order, spare, spare_order, start, stop, middle):  # type: ignore[no-untyped-def]
    """Stable partition of rows ``start:stop``: the ``middle - start`` smallest in the widest dimension come first."""
    dim = _widest_dimension(codes, start, stop)
    pivot, ties = _pivot(codes, dim, start, stop, middle - start)
    left, right = np.int64(start), np.int64(0)
    for i in range(start, stop):
        value = codes[i, dim]
        equal = np.int64(value == pivot) & np.int64(ties > 0)  # rows equal to the pivot go left, the earliest first
        goes = np.int64(value < pivot) | equal
        ties -= equal
        # Written to both sides and counted on one: which side it is cannot be guessed.
        number = order[i]
        order[left], spare_order[right] = number, number
        a, b, c, d = words[i, 0], words[i, 1], words[i, 2], words[i, 3]
        words[left, 0], words[left, 1], words[left, 2], words[left, 3] = a, b, c, d
        spare[right, 0], spare[right, 1], spare[right, 2], spare[right, 3] = a, b, c, d
        left += goes
        right += 1 - goes
    words[left:stop] = spare[:right]
    order[left:stop] = spare_order[:right]


@njit(nogil=True, cache=True)
def split_node(codes, words, order, start, stop, block_size, once):  # type: ignore[no-untyped-def]
    """Arrange rows ``start:stop`` of ``words`` (n, 4) and ``order`` so that consecutive blocks are cells of a k-d tree.

    ``codes`` (n, dims) is the memory of ``words``. Every split lies at a multiple of ``block_size``, so all blocks but
    the last are full. ``once``: one split only. Nodes share nothing, so that they may be arranged at the same time.
    """
    room = stop - middle_of(start, stop, block_size) + block_size + 1
    spare = np.empty((room, 4), words.dtype)
    spare_order = np.empty(room, order.dtype)
    stack = np.empty((128, 2), np.int64)
    stack[0, 0], stack[0, 1] = start, stop
    depth = 1
    while depth > 0:
        depth -= 1
        first, last = stack[depth, 0], stack[depth, 1]
        middle = middle_of(first, last, block_size)
        if middle == last:
            continue
        _split(codes, words, order, spare, spare_order, first, last, middle)
        if once:
            return
        stack[depth, 0], stack[depth, 1] = first, middle
        stack[depth + 1, 0], stack[depth + 1, 1] = middle, last
        depth += 2
