"""The blocks of an index and the kernels over them; rows are positions in index order here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.box import PackedBoxes
from clip_branches.engine.checks import DIMS, Codes, Floats, Rows
from clip_branches.engine.file import Parts
from clip_branches.engine.kernels import count, layout, linear, scan, screen, union
from clip_branches.engine.reading import Reading
from clip_branches.engine.workers import Workers

_FIRST_VISITS = 16  # blocks of highest bound in which a top-k query looks first
_LEAST_BLOCKS = 192  # blocks a thread takes at once; fewer are done before a second thread has woken up
_LEAST_GATHERED = 2_048  # rows from which on it pays to fetch them block by block
_LEAST_ROWS = 16_384  # likewise, of rows scored one by one


class Blocks:
    """Codes in blocks with their zones. Trusts its input; any number of threads may ask at once."""

    def __init__(self, parts: Parts, workers: Workers) -> None:
        self.parts = parts
        self.workers = workers
        self.words = parts.codes.view(np.uint64)
        # The zones again, a block's dimensions side by side: one line of memory for a look at one block.
        self.low, self.high = (read_only(np.ascontiguousarray(z.T)) for z in (parts.zone_low, parts.zone_high))
        self.n_blocks = parts.zone_low.shape[1]

    def codes(self, positions: Rows) -> Codes:
        """Codes of the rows, uint8 (k, 32), in the order asked for."""
        parts = self.parts
        out = np.empty((len(positions), DIMS), np.uint8)
        if len(positions) < _LEAST_GATHERED:
            layout.gather_rows(parts.codes, parts.n_rows, parts.block_size, positions, out)
            return out
        order = np.argsort(positions)

        def gathered(piece: tuple[int, int]) -> None:
            own = order[slice(*piece)]
            layout.gather_ordered(parts.codes, parts.n_rows, parts.block_size, positions, own, out)

        self.workers.map(gathered, self.workers.ranges(len(positions), _LEAST_ROWS))
        return out

    def vote(
        self, packed: PackedBoxes, groups: Rows, n_groups: int, need: int, reading: Reading | None
    ) -> tuple[Rows, NDArray[np.int32]]:
        """Rows that at least ``need`` groups of boxes hold, ascending, and how many do."""
        parts = self.parts
        counter = np.uint8 if n_groups < 256 else np.int32

        def scanned(blocks: tuple[int, int]) -> Any:
            return scan.scan_groups(
                parts.codes, self.words, parts.n_rows, parts.block_size, parts.zone_low, parts.zone_high,
                self.low, self.high, *blocks,
                packed.starts, packed.features, packed.lows, packed.highs, groups, n_groups, need,
                np.empty(parts.block_size, counter),
            )  # fmt: skip

        found = self.over_blocks(scanned, len(groups))
        if reading is not None:
            reading.add(sum(one[2] for one in found), self.n_blocks, sum(one[3] for one in found))
        return _join([one[0] for one in found]), _join([one[1] for one in found])

    def union(
        self, packed: PackedBoxes, weights: Floats, bias: np.float32, reading: Reading | None
    ) -> tuple[Rows, Floats]:
        """Rows inside any box, ascending, and their scores."""
        parts = self.parts

        def scanned(blocks: tuple[int, int]) -> Any:
            return union.scan_union(
                parts.codes, self.words, parts.n_rows, parts.block_size, parts.zone_low, parts.zone_high,
                self.low, self.high, *blocks,
                packed.starts, packed.features, packed.lows, packed.highs, weights, bias,
            )  # fmt: skip

        found = self.over_blocks(scanned, len(packed.starts) - 1)
        if reading is not None:
            reading.add(sum(one[2] for one in found), self.n_blocks, sum(one[3] for one in found))
        return _join([one[0] for one in found]), _join([one[1] for one in found])

    def count(self, packed: PackedBoxes) -> NDArray[np.int64]:
        """Rows inside each box."""
        parts = self.parts
        n_boxes = len(packed.starts) - 1

        def counted(blocks: tuple[int, int]) -> NDArray[np.int64]:
            inside = np.zeros(n_boxes, np.int64)
            count.count_boxes(
                parts.codes, self.words, parts.n_rows, parts.block_size, parts.zone_low, parts.zone_high,
                self.low, self.high, *blocks, packed.starts, packed.features, packed.lows, packed.highs, inside,
            )  # fmt: skip
            return inside

        return sum(self.over_blocks(counted, n_boxes), np.zeros(n_boxes, np.int64))

    def count_rows(self, packed: PackedBoxes, positions: Rows) -> NDArray[np.int64]:
        """How many of the rows, ascending, lie inside each box."""
        parts = self.parts
        n_boxes = len(packed.starts) - 1

        def counted(blocks: tuple[int, int]) -> NDArray[np.int64]:
            first, last = np.searchsorted(positions, [block * parts.block_size for block in blocks])
            inside = np.zeros(n_boxes, np.int64)
            count.count_rows(
                parts.codes, parts.n_rows, parts.block_size, parts.zone_low, parts.zone_high, self.low, self.high,
                *blocks, packed.starts, packed.features, packed.lows, packed.highs, positions[first:last], inside,
            )  # fmt: skip
            return inside

        return sum(self.over_blocks(counted, n_boxes), np.zeros(n_boxes, np.int64))

    def score(self, positions: Rows, weights: Floats, bias: np.float32) -> Floats:
        """Scores of the rows, which ascend."""
        parts = self.parts
        scores = np.empty(len(positions), np.float32)

        def scored(piece: tuple[int, int]) -> None:
            linear.score_rows(
                parts.codes, self.words, parts.n_rows, parts.block_size, positions[slice(*piece)], weights, bias,
                scores[slice(*piece)],
            )  # fmt: skip

        self.workers.map(scored, self.workers.ranges(len(positions), _LEAST_ROWS))
        return scores

    def score_all(self, weights: Floats, bias: np.float32, reading: Reading | None) -> Floats:
        """Scores of all rows."""
        parts = self.parts
        scores = np.empty(parts.n_rows, np.float32)

        def scored(blocks: tuple[int, int]) -> None:
            linear.score_all(
                parts.codes, self.words, parts.n_rows, parts.block_size, weights, bias, *blocks, scores
            )  # fmt: skip

        self.over_blocks(scored, 1)
        self.note(reading, self.n_blocks)
        return scores

    def above(
        self, weights: Floats, bias: np.float32, threshold: np.float32, reading: Reading | None
    ) -> tuple[Rows, Floats]:
        """Rows that score at least ``threshold``, ascending, and their scores."""
        parts = self.parts
        bounds = self.bounds(weights, bias)

        def screened(blocks: tuple[int, int]) -> Any:
            return screen.above(
                parts.codes, self.words, parts.n_rows, parts.block_size, bounds, weights, bias, threshold, *blocks
            )

        found = self.over_blocks(screened, 1)
        self.note(reading, sum(one[2] for one in found))
        return _join([one[0] for one in found]), _join([one[1] for one in found])

    def best(
        self, weights: Floats, bias: np.float32, k: int, labels: Rows, reading: Reading | None
    ) -> tuple[Rows, Floats]:
        """The labels and scores of the ``k`` best rows, k <= n, and perhaps of some others; ties by label ascending."""
        parts = self.parts
        bounds = self.bounds(weights, bias)

        def visited(blocks: Rows, least: np.float32) -> Any:
            return screen.best(
                parts.codes, self.words, parts.n_rows, parts.block_size, bounds, blocks, weights, bias, labels, k, least
            )

        # First the most promising blocks: their k best rule out most of the others, which then are read as they lie.
        first = self.promising(bounds, k)
        found = [visited(first, np.float32(-np.inf))]
        least = found[0][1].min() if len(found[0][1]) == k else np.float32(-np.inf)
        left = bounds >= least
        left[first] = False
        others = np.flatnonzero(left)
        ranges = self.workers.ranges(len(others), _LEAST_BLOCKS)
        found += self.workers.map(lambda piece: visited(others[slice(*piece)], least), ranges)
        self.note(reading, sum(one[2] for one in found))
        return np.concatenate([one[0] for one in found]), np.concatenate([one[1] for one in found])

    def promising(self, bounds: Floats, k: int) -> Rows:
        """The blocks of highest bound, best first, so many that their ``k`` best rows rule out most other blocks."""
        count = _FIRST_VISITS + 2 * k // self.parts.block_size
        blocks = np.argpartition(-bounds, count)[:count] if count < len(bounds) else np.arange(len(bounds))
        best_first: Rows = blocks[np.argsort(-bounds[blocks], kind="stable")]
        return best_first

    def bounds(self, weights: Floats, bias: np.float32) -> Floats:
        """A score of each block that none of its rows exceeds."""
        bounds = np.empty(self.n_blocks, np.float32)
        linear.block_bounds(self.parts.zone_low, self.parts.zone_high, weights, bias, bounds)
        return bounds

    def lower_bounds(self, weights: Floats, bias: np.float32) -> Floats:
        """A score of each block that all of its rows reach."""
        bounds = np.empty(self.n_blocks, np.float32)
        linear.block_bounds(self.parts.zone_high, self.parts.zone_low, weights, bias, bounds)
        return bounds

    def over_blocks(self, function: Callable[[tuple[int, int]], Any], boxes: int) -> list[Any]:
        """``function`` of ranges of blocks that together are all, on several threads; the more boxes the smaller."""
        least = max(8, _LEAST_BLOCKS // (1 + boxes // 4))
        return self.workers.map(function, self.workers.ranges(self.n_blocks, least))

    def note(self, reading: Reading | None, blocks: int) -> None:
        """Count blocks of which every column is read."""
        if reading is not None:
            row_bytes = self.parts.block_size * DIMS
            reading.add(blocks, self.n_blocks, min(blocks * row_bytes, self.parts.codes.size))


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """The array, read-only as mapped files are: kernels see one type, compiled once."""
    array.setflags(write=False)
    return array


def _join(parts: list[NDArray[Any]]) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
