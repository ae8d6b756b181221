"""The box index: codes in blocks with zone maps, and exact, complete queries over them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clip_branches.engine.answers import best_first
from clip_branches.engine.blocks import Blocks, read_only
from clip_branches.engine.box import Box, PackedBoxes, check_boxes, pack
from clip_branches.engine.build import BLOCK_SIZE, arrange, index_order, pack_rows
from clip_branches.engine.checks import (
    Codes,
    Floats,
    Rows,
    check_codes,
    check_count,
    check_linear,
    check_rows,
)
from clip_branches.engine.file import Parts, read_parts, write_parts
from clip_branches.engine.reading import Reading
from clip_branches.engine.workers import Workers
from clip_branches.errors import InvalidInput

__all__ = ["BLOCK_SIZE", "BoxIndex", "index_order"]

_FULL_SORT = 8  # from n / 8 nearest on, scoring and sorting all rows beats keeping a heap
_NO_ROWS = np.zeros(0, np.int64)
_NO_ROWS.setflags(write=False)


class BoxIndex:
    """Exact answers over n codes of 32 bytes: rows inside boxes, rows accepted by a model, rows of highest score.

    The codes are held once, column by column in blocks, with the lowest and highest code of every dimension of every
    block; nothing else grows with n (save the permutation of an index whose rows are not in index order).

    >>> index = BoxIndex.build(codes)                                    # doctest: +SKIP
    >>> rows, hits = index.query([Box([3, 7], [10, 0], [90, 40])])       # doctest: +SKIP
    """

    def __init__(self, parts: Parts, workers: Workers | None = None) -> None:
        self._parts = parts
        self._blocks = Blocks(parts, Workers() if workers is None else workers)
        self._positions: Rows | None = None  # inverse of parts.rows, made when first needed
        self._reading: Reading | None = None

    @classmethod
    def build(
        cls, codes: Any, presorted: bool = False, *, block_size: int = BLOCK_SIZE, workers: Workers | None = None
    ) -> BoxIndex:
        """Index ``codes``, uint8 (n, 32), n >= 1. Row numbers in answers are rows of ``codes``.

        presorted: ``codes`` are already in ``index_order`` (any order is correct, that one is fast); then no
        permutation is kept. Raises InvalidInput.
        """
        codes = check_codes(codes, "BoxIndex.build")
        block_size = check_count(block_size, "block_size", "BoxIndex.build")
        workers = Workers() if workers is None else workers
        rows, order = (codes, _NO_ROWS) if presorted else arrange(codes, block_size, workers)
        data, zone_low, zone_high = pack_rows(rows, block_size, workers, in_place=not presorted)
        for array in (data, zone_low, zone_high, order):
            read_only(array)
        parts = Parts(len(codes), block_size, zone_low, zone_high, order, data)
        return cls(parts, workers)

    def save(self, path: Path | str) -> None:
        """Write the index file (see ``clip_branches.engine.file``), wholly or not at all."""
        write_parts(Path(path), self._parts)

    @classmethod
    def open(cls, path: Path | str, *, verify: bool = True, workers: Workers | None = None) -> BoxIndex:
        """Map an index file. Raises DamagedFile naming file and reason; ``verify`` reads it once for its checksums."""
        return cls(read_parts(Path(path), verify=verify), workers)

    @property
    def n_rows(self) -> int:
        return self._parts.n_rows

    @property
    def presorted(self) -> bool:
        """Whether rows are stored in the caller's own order."""
        return not self._parts.rows.size

    @property
    def blocks(self) -> Blocks:
        """The blocks, for queries over positions in index order."""
        return self._blocks

    @property
    def stored(self) -> Rows | None:
        """The row at each position in index order; None where they are the same."""
        return None if self.presorted else self._parts.rows

    def noting(self, reading: Reading) -> Self:
        """The same index, adding to ``reading`` what its queries look at; for the use of one thread."""
        noting = copy.copy(self)
        noting._reading = reading
        return noting

    def codes(self, rows: Any = None) -> Codes:
        """Codes of the rows, uint8 (k, 32), in the order asked for; of all rows for None."""
        wanted = np.arange(self.n_rows) if rows is None else check_rows(rows, self.n_rows, "BoxIndex.codes")
        return self._blocks.codes(self._to_positions(wanted))

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
        packed = pack([box for _, box in grouped])
        groups = np.array([g for g, _ in grouped], np.int64)
        return self._ascending(*self._blocks.vote(packed, groups, len(branches), need, self._reading))

    def union(self, boxes: Sequence[Box], weights: ArrayLike, bias: float = 0.0) -> tuple[Rows, Floats]:
        """Every row inside at least one box: rows int64 ascending, and their scores as of ``score``."""
        packed, filled = _pack_filled(check_boxes(boxes, "BoxIndex.union"))
        checked, offset = check_linear(weights, bias, "BoxIndex.union")
        if not filled:
            return _NO_ROWS, np.zeros(0, np.float32)
        return self._ascending(*self._blocks.union(packed, checked, offset, self._reading))

    def count(self, boxes: Sequence[Box]) -> NDArray[np.int64]:
        """Rows inside each box, exactly: int64 (boxes,)."""
        packed, filled = _pack_filled(check_boxes(boxes, "BoxIndex.count"))
        counts = np.zeros(len(boxes), np.int64)
        if len(filled):
            counts[filled] = self._blocks.count(packed)
        return counts

    def count_rows(self, boxes: Sequence[Box], rows: Any) -> NDArray[np.int64]:
        """How many of the rows (k,), each given once, lie inside each box: int64 (boxes,)."""
        packed, filled = _pack_filled(check_boxes(boxes, "BoxIndex.count_rows"))
        positions = np.sort(self._to_positions(check_rows(rows, self.n_rows, "BoxIndex.count_rows")))
        counts = np.zeros(len(boxes), np.int64)
        if len(filled) and len(positions):
            counts[filled] = self._blocks.count_rows(packed, positions)
        return counts

    def score(self, rows: Any, weights: ArrayLike, bias: float = 0.0) -> Floats:
        """``bias + sum_d weights[d] * code[d]`` of the rows, float32 (k,), summed in float32 in that order."""
        checked, offset = check_linear(weights, bias, "BoxIndex.score")
        positions = self._to_positions(check_rows(rows, self.n_rows, "BoxIndex.score"))
        if not len(positions) or (positions[1:] >= positions[:-1]).all():
            return self._blocks.score(positions, checked, offset)
        order = np.argsort(positions)
        scores = np.empty(len(positions), np.float32)
        scores[order] = self._blocks.score(positions[order], checked, offset)
        return scores

    def score_all(self, weights: ArrayLike, bias: float = 0.0) -> Floats:
        """Scores of all rows, float32 (n,), by row."""
        scores = self._blocks.score_all(*check_linear(weights, bias, "BoxIndex.score_all"), self._reading)
        if self.presorted:
            return scores
        by_row = np.empty_like(scores)
        by_row[self._parts.rows] = scores
        return by_row

    def above(self, weights: ArrayLike, bias: float, threshold: float) -> tuple[Rows, Floats]:
        """Every row with score >= ``threshold``: rows int64 ascending and their scores."""
        checked, offset = check_linear(weights, bias, "BoxIndex.above")
        if np.isnan(threshold):
            raise InvalidInput("The 'threshold' of BoxIndex.above must be a number. Got nan instead.")
        return self._ascending(*self._blocks.above(checked, offset, np.float32(threshold), self._reading))

    def nearest(
        self, weights: ArrayLike, k: int, bias: float = 0.0, *, labels: Rows | None = None
    ) -> tuple[Rows, Floats]:
        """The ``k`` rows of highest score (all n when k > n), best first; ties by row ascending.

        labels: int64 (n,), distinct; what to call the rows, in ties and in the answer.
        """
        checked, offset = check_linear(weights, bias, "BoxIndex.nearest")
        k = min(check_count(k, "k", "BoxIndex.nearest"), self.n_rows)
        if k * _FULL_SORT > self.n_rows:
            scores = self.score_all(checked, float(offset))
            names = np.arange(self.n_rows) if labels is None else labels
            order = best_first(scores, names)[:k]
            return names[order], scores[order]
        stored = self._parts.rows
        if labels is not None:
            stored = labels if self.presorted else read_only(labels[stored])
        rows, scores = self._blocks.best(checked, offset, k, stored, self._reading)
        order = best_first(scores, rows)[:k]
        return rows[order], scores[order]

    def search(self, model: Any) -> tuple[Rows, NDArray[Any]]:
        """EVERY row that the fitted model accepts, best first.

        Returns rows int64 and, for DecisionBranch and BranchEnsemble, votes (branches) int32, ordered by the model's
        linear score, then row; for LinearScorer scores float32, ordered by score, then row.
        """
        rows, scores, votes = self.answer(model)
        order = best_first(scores, rows)
        return rows[order], (scores if votes is None else votes)[order]

    def answer(self, model: Any) -> tuple[Rows, Floats, NDArray[np.int32] | None]:
        """Accepted rows ascending, the scores that order them, and votes where it has any."""
        answer: tuple[Rows, Floats, NDArray[np.int32] | None] = model.accept(self)
        return answer

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


def _pack_filled(boxes: list[Box]) -> tuple[PackedBoxes, list[int]]:
    """The boxes that are not empty, and which those are."""
    filled = [i for i, box in enumerate(boxes) if not box.empty]
    return pack([boxes[i] for i in filled]), filled
