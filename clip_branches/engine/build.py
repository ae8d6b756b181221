"""From codes to the parts of an index: the order of the rows, then the blocks and their zones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.checks import DIMS, Codes, Rows, check_codes, check_count
from clip_branches.engine.kernels import layout
from clip_branches.engine.kernels.order import middle_of, split_first, split_node
from clip_branches.engine.workers import Workers

BLOCK_SIZE = 512
_LEAST_BLOCKS = 64  # blocks that a thread packs at once


def index_order(codes: Any, *, block_size: int = BLOCK_SIZE, workers: Workers | None = None) -> Rows:
    """The order in which an index stores the rows: a permutation, int64 (n,).

    A recursive median split on the dimension of largest variance, down to blocks, so that a block covers a small
    cell of code space. Deterministic; ties keep their order. codes: uint8 (n, 32), n >= 1.
    """
    codes = check_codes(codes, "index_order")
    block_size = check_count(block_size, "block_size", "index_order")
    return arrange(codes, block_size, Workers() if workers is None else workers)[1]


def arrange(codes: Codes, block_size: int, workers: Workers) -> tuple[Codes, Rows]:
    """(the rows in index order (n, 32), that order int64 (n,)); one copy of the codes and half of one more at work."""
    n = len(codes)
    moved = np.empty((n, DIMS), np.uint8)
    order = np.empty(n, np.int64)
    words = moved.view(np.uint64)
    middle = middle_of(0, n, block_size)
    if middle == n:
        moved[:], order[:] = codes, np.arange(n)
        return moved, order
    source = _for_kernels(codes)
    split_first(source, source.view(np.uint64), middle, words, order)
    nodes = [(0, middle), (middle, n)]
    while len(nodes) < workers.threads:
        workers.map(lambda node: split_node(moved, words, order, *node, block_size, True), nodes)
        cuts = [(start, middle_of(start, stop, block_size), stop) for start, stop in nodes]
        nodes = [part for start, cut, stop in cuts for part in ((start, cut), (cut, stop)) if part[0] < part[1]]
        if len(nodes) == len(cuts):
            break
    workers.map(lambda node: split_node(moved, words, order, *node, block_size, False), nodes)
    return moved, order


def pack_rows(
    rows: Codes, block_size: int, workers: Workers, *, in_place: bool
) -> tuple[NDArray[np.uint8], Codes, Codes]:
    """(the codes in blocks (n * 32,), lowest and highest code of each dimension and block, (32, blocks) each).

    in_place: the blocks take the place of the rows.
    """
    n_blocks = -(-len(rows) // block_size)
    data = rows.reshape(-1) if in_place else np.empty(rows.size, np.uint8)
    zone_low, zone_high = np.empty((DIMS, n_blocks), np.uint8), np.empty((DIMS, n_blocks), np.uint8)
    source = _for_kernels(rows)
    workers.map(
        lambda blocks: layout.pack_blocks(source, block_size, data, zone_low, zone_high, *blocks),
        workers.ranges(n_blocks, _LEAST_BLOCKS),
    )
    return data, zone_low, zone_high


def _for_kernels(codes: Codes) -> Codes:
    """The same memory, read-only and aligned to words, as mapped files are: kernels see one type, compiled once."""
    view = codes.view() if codes.ctypes.data % 8 == 0 else codes.copy()
    view.setflags(write=False)
    return view
