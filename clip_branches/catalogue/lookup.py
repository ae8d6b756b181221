"""From stable ids to rows, over all segments of a catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from clip_branches.errors import InvalidInput
from clip_branches.mapped import let_go

_PIECE = 1 << 20
_SPREAD = 2  # ids over a range at most so many times their number are looked up in a table of that range
_NONE = np.uint32(0xFFFFFFFF)


class IdLookup:
    """Rows by id over all segments; rows are counted through the segments, in order.

    Ids are given out one after another, so a table from id to row is small (4 bytes an id) and found in one step; ids
    that are spread out are sorted instead (12 bytes a row).

    Attributes: ``starts`` (segments,) int64, first row of each segment.
    """

    def __init__(self, ids: Sequence[npt.NDArray[np.uint64]]) -> None:
        lengths = np.array([len(part) for part in ids], dtype=np.int64)
        self.starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)[:-1]])
        rows = int(lengths.sum())
        self._first = min((int(part.min()) for part in ids if len(part)), default=0)
        last = max((int(part.max()) for part in ids if len(part)), default=0)
        self._table: npt.NDArray[np.uint32] | None = None
        if last - self._first < min(_SPREAD * rows + 1_024, int(_NONE)):
            self._table = np.full(last - self._first + 1, _NONE, np.uint32)
            for start, part in zip(self.starts.tolist(), ids, strict=True):
                for at in range(0, len(part), _PIECE):  # in pieces: no temporary as large as the ids
                    piece = np.asarray(part[at : at + _PIECE])
                    own = np.arange(start + at, start + at + len(piece), dtype=np.uint32)
                    self._table[(piece - np.uint64(self._first)).astype(np.int64)] = own
                let_go(part)
            return
        together = np.concatenate(ids)
        # The order fits 32 bits up to four billion rows: half the memory of the default.
        self._order = np.argsort(together, kind="stable").astype(np.uint32)
        self._sorted = together[self._order]

    def find(self, ids: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Rows (k,) int64 and whether each id was found (k,) bool; the row of an id that was not is meaningless."""
        if self._table is not None:
            # Ids below the first wrap round to beyond the table.
            places = np.minimum(ids - np.uint64(self._first), np.uint64(len(self._table) - 1)).astype(np.int64)
            rows = self._table[places]
            inside = (ids >= np.uint64(self._first)) & (ids - np.uint64(self._first) < np.uint64(len(self._table)))
            return rows.astype(np.int64), inside & (rows != _NONE)
        positions = np.minimum(np.searchsorted(self._sorted, ids), len(self._sorted) - 1)
        return self._order[positions].astype(np.int64), np.asarray(self._sorted[positions] == ids)


def as_ids(
    ids: Sequence[int] | npt.NDArray[np.integer[Any]],
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
    """``ids`` as (k,) uint64, and which of them can be ids at all (0 to 2**64 - 1); InvalidInput unless integers."""
    if isinstance(ids, np.ndarray):
        if ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer):
            raise InvalidInput(
                f"The 'ids' must be a one-dimensional array of integers. Got {ids.dtype} of shape {ids.shape} instead."
            )
        return ids.astype(np.uint64), np.asarray(ids >= 0)
    for item in ids:
        if isinstance(item, bool) or not isinstance(item, int | np.integer):
            raise InvalidInput(f"The 'ids' must be integers. Got {item!r} instead.")
    known = np.array([0 <= item < 2**64 for item in ids], dtype=np.bool_)
    values = np.array([int(item) if 0 <= item < 2**64 else 0 for item in ids], dtype=np.uint64)
    return values, known
