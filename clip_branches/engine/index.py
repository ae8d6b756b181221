"""The box index: codes in blocks with zone maps, and exact, complete queries over them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clip_branches.engine.answers import best_first
from clip_branches.engine.box import Box, check_boxes, pack
from clip_branches.engine.checks import (
    DIMS,
    Codes,
    Floats,
    Rows,
    check_codes,
    check_count,
    check_linear,
    check_rows,
)
from clip_branches.engine.file import Parts, read_parts, write_parts
from clip_branches.engine.kernels import layout, linear, scan
from clip_branches.engine.kernels.order import median_split_order
from clip_branches.errors import InvalidInput

BLOCK_SIZE = 1024
_FULL_SORT = 8  # from n / 8 nearest on, scoring and sorting all rows beats keeping a heap
_NO_ROWS = np.zeros(0, np.int64)
_NO_ROWS.setflags(write=False)


def index_order(codes: Any, *, block_size: int = BLOCK_SIZE) -> Rows:
    """The order in which an index stores the rows: a permutation, int64 (n,).

    A recursive median split on the dimension of largest variance, down to blocks, so that a block covers a small
    cell of code space. Deterministic; ties keep their order. codes: uint8 (n, 32), n >= 1.
    """
    codes = check_codes(codes, "index_order")
    order = np.arange(len(codes), dtype=np.int64)
    median_split_order(codes, check_count(block_size, "block_size", "index_order"), order)
    return order


class BoxIndex:
    """Exact answers over n codes of 32 bytes: rows inside boxes, rows accepted by a model, rows of highest score.

    The codes are held once, column by column in blocks, with the lowest and highest code of every dimension of every
    block; nothing else grows with n (save the permutation of an index whose rows are not in index order).

    >>> index = BoxIndex.build(codes)                                    # doctest: +SKIP
    >>> rows, hits = index.query([Box([3, 7], [10, 0], [90, 40])])       # doctest: +SKIP
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._positions: Rows | None = None  # inverse of parts.rows, made when first needed

    @classmethod
    def build(cls, codes: Any, presorted: bool = False, *, block_size: int = BLOCK_SIZE) -> BoxIndex:
        """Index ``codes``, uint8 (n, 32), n >= 1. Row numbers in answers are rows of ``codes``.

        presorted: ``codes`` are already in ``index_order`` (any order is correct, that one is fast); then no
        permutation is kept. Raises InvalidInput.
        """
        codes = check_codes(codes, "BoxIndex.build")
        block_size = check_count(block_size, "block_size", "BoxIndex.build")
        n = len(codes)
        order = np.arange(n, dtype=np.int64) if presorted else index_order(codes, block_size=block_size)
        data = np.empty(n * DIMS, np.uint8)
        zones = np.empty((2, DIMS, -(-n // block_size)), np.uint8)
        layout.pack_blocks(codes, order, block_size, data, zones[0], zones[1])
        for array in (data, zones, order):  # mapped files are read-only too: kernels see one type, compiled once
            array.setflags(write=False)
        return cls(Parts(n, block_size, zones[0], zones[1], _NO_ROWS if presorted else order, data))

    def save(self, path: Path | str) -> None:
        """Write the index file (see ``clip_branches.engine.file``), wholly or not at all."""
        write_parts(Path(path), self._parts)

    @classmethod
    def open(cls, path: Path | str, *, verify: bool = True) -> BoxIndex:
        """Map an index file. Raises DamagedFile naming file and reason; ``verify`` reads it once for its checksums."""
        return cls(read_parts(Path(path), verify=verify))

    @property
    def n_rows(self) -> int:
        return self._parts.n_rows

    @property
    def presorted(self) -> bool:
        """Whether rows are stored in the caller's own order."""
        return not self._parts.rows.size

    def codes(self, rows: Any = None) -> Codes:
        """Codes of the rows, uint8 (k, 32), in the order asked for; of all rows for None."""
        parts = self._parts
        wanted = np.arange(self.n_rows) if rows is None else check_rows(rows, self.n_rows, "BoxIndex.codes")
        out = np.empty((len(wanted), DIMS), np.uint8)
        layout.gather_rows(parts.codes, parts.n_rows, parts.block_size, self._to_positions(wanted), out)
        return out

    def query(self, boxes: Sequence[Box]) -> tuple[Rows, NDArray[np.int32]]:
        """Every row inside at least one box (closed bounds): rows int64 ascending, and in how many boxes each is."""
        boxes = check_boxes(boxes, "BoxIndex.query")
        return self.vote([[box] for box in boxes], 1)

    def vote(self, branches: Sequence[Sequence[Box]], need: int) -> tuple[Rows, NDArray[np.int32]]:
        """Every row that at least ``need`` >= 1 branches hold in some box: rows int64 ascending, branches int32."""
        need = check_count(need, "need", "BoxIndex.vote")
        grouped = [(g, box) for g, boxes in enumerate(branches) for box in boxes if not box.empty]
        if not grouped:
            return _NO_ROWS, np.zeros(0, np.int32)
        groups = np.array([g for g, _ in grouped], np.int64)
        packed = pack([box for _, box in grouped])
        parts = self._parts
        votes = np.empty(parts.block_size, np.uint8 if len(branches) < 256 else np.int32)
        rows, hits, _ = scan.scan_groups(
            parts.codes, parts.n_rows, parts.block_size, parts.zone_low, parts.zone_high,
            0, parts.zone_low.shape[1],
            packed.starts, packed.features, packed.lows, packed.highs, groups, len(branches), need, votes,
        )  # fmt: skip
        return self._ascending(rows, hits)

    def count(self, boxes: Sequence[Box]) -> NDArray[np.int64]:
        """Rows inside each box, exactly: int64 (boxes,)."""
        boxes = check_boxes(boxes, "BoxIndex.count")
        filled = [i for i, box in enumerate(boxes) if not box.empty]
        packed = pack([boxes[i] for i in filled])
        parts = self._parts
        inside = np.zeros(len(filled), np.int64)
        scan.count_boxes(
            parts.codes, parts.n_rows, parts.block_size, parts.zone_low, parts.zone_high,
            packed.starts, packed.features, packed.lows, packed.highs, inside,
        )  # fmt: skip
        counts = np.zeros(len(boxes), np.int64)
        counts[filled] = inside
        return counts

    def score(self, rows: Any, weights: ArrayLike, bias: float = 0.0) -> Floats:
        """``bias + sum_d weights[d] * code[d]`` of the rows, float32 (k,), summed in float32 in that order."""
        checked, offset = check_linear(weights, bias, "BoxIndex.score")
        codes = self.codes(rows)
        out = np.empty(len(codes), np.float32)
        linear.score_codes(codes, checked, offset, out)
        return out

    def score_all(self, weights: ArrayLike, bias: float = 0.0) -> Floats:
        """Scores of all rows, float32 (n,), by row."""
        checked, offset = check_linear(weights, bias, "BoxIndex.score_all")
        parts = self._parts
        out = np.empty(parts.n_rows, np.float32)
        linear.score_all(parts.codes, parts.n_rows, parts.block_size, checked, offset, out)
        if self.presorted:
            return out
        by_row = np.empty_like(out)
        by_row[parts.rows] = out
        return by_row

    def above(self, weights: ArrayLike, bias: float, threshold: float) -> tuple[Rows, Floats]:
        """Every row with score >= ``threshold``: rows int64 ascending and their scores."""
        checked, offset = check_linear(weights, bias, "BoxIndex.above")
        if np.isnan(threshold):
            raise InvalidInput("The 'threshold' of BoxIndex.above must be a number. Got nan instead.")
        parts = self._parts
        rows, scores, _ = linear.above(
            parts.codes, parts.n_rows, parts.block_size, self._bounds(checked, offset), checked, offset,
            np.float32(threshold), 0, parts.zone_low.shape[1],
        )  # fmt: skip
        return self._ascending(rows, scores)

    def nearest(self, weights: ArrayLike, k: int, bias: float = 0.0) -> tuple[Rows, Floats]:
        """The ``k`` rows of highest score (all n when k > n), best first; ties by row ascending."""
        checked, offset = check_linear(weights, bias, "BoxIndex.nearest")
        k = min(check_count(k, "k", "BoxIndex.nearest"), self.n_rows)
        if k * _FULL_SORT > self.n_rows:
            scores = self.score_all(checked, float(offset))
            rows = best_first(scores, np.arange(self.n_rows))[:k]
            return rows, scores[rows]
        parts = self._parts
        bounds = self._bounds(checked, offset)
        visit = np.argsort(-bounds, kind="stable")
        rows, scores, _ = linear.best(
            parts.codes, parts.n_rows, parts.block_size, bounds, visit, checked, offset, parts.rows, k
        )
        order = best_first(scores, rows)
        return rows[order], scores[order]

    def search(self, model: Any) -> tuple[Rows, NDArray[Any]]:
        """EVERY row that the fitted model accepts, best first.

        Returns rows int64 and, for DecisionBranch and BranchEnsemble, votes (branches) int32, ordered by votes, then
        the model's linear score, then row; for LinearScorer scores float32, ordered by score, then row.
        """
        rows, scores, votes = self.answer(model)
        order = best_first(scores, rows)
        return rows[order], (scores if votes is None else votes)[order]

    def answer(self, model: Any) -> tuple[Rows, Floats, NDArray[np.int32] | None]:
        """Accepted rows ascending, their scores (votes, then linear score, in one float) and votes where it has any."""
        answer: tuple[Rows, Floats, NDArray[np.int32] | None] = model.accept(self)
        return answer

    def _bounds(self, weights: Floats, bias: np.float32) -> Floats:
        parts = self._parts
        bounds = np.empty(parts.zone_low.shape[1], np.float32)
        linear.block_bounds(parts.zone_low, parts.zone_high, weights, bias, bounds)
        return bounds

    def _ascending(self, positions: Rows, values: Any) -> tuple[Rows, Any]:
        """From positions in index order to the caller's rows, ascending."""
        if self.presorted:
            return positions, values
        rows = np.asarray(self._parts.rows)[positions]
        order = np.argsort(rows)
        return rows[order], values[order]

    def _to_positions(self, rows: Rows) -> Rows:
        if self.presorted:
            return rows
        positions = self._positions
        if positions is None:  # two threads may both make it: the same array, so either may win
            positions = np.empty(self.n_rows, np.int64)
            positions[self._parts.rows] = np.arange(self.n_rows)
            self._positions = positions
        return positions[rows]
