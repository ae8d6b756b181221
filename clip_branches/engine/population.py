"""The rows of a catalogue: which of them are live, and random samples of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.answers import Ids
from clip_branches.engine.checks import Codes, Rows


class Segment(Protocol):
    """Rows with their ids, uint64 (rows,), and the file of their box index."""

    @property
    def rows(self) -> int: ...

    @property
    def ids(self) -> Ids: ...

    @property
    def index_path(self) -> Path: ...


class Located(Protocol):
    """What an engine asks of a catalogue: see ``Catalogue``."""

    @property
    def segments(self) -> Sequence[Segment]: ...

    @property
    def deleted(self) -> Ids: ...

    def locate(self, ids: Ids) -> tuple[Rows, Rows]: ...

    def contains(self, ids: Ids) -> NDArray[np.bool_]: ...


class Population:
    """``live``: of each segment bools (rows,), or None where all are; ``size``: live rows of all segments."""

    def __init__(self, catalogue: Located) -> None:
        self._catalogue = catalogue
        deleted = np.asarray(catalogue.deleted, np.uint64)
        self.live = [np.isin(s.ids, deleted, invert=True) if len(deleted) else None for s in catalogue.segments]
        self._starts = np.cumsum([0, *(segment.rows for segment in catalogue.segments)])
        self.size = sum(
            s.rows if live is None else int(live.sum()) for s, live in zip(catalogue.segments, self.live, strict=True)
        )

    def draw(self, n: int, generator: np.random.Generator, exclude: Any = ()) -> list[tuple[int, Rows]]:
        """At random without replacement: segment numbers and rows of at least ``n`` live items, or of all there are.

        None of them is in ``exclude``. ``thinned`` leaves ``n`` of them.
        """
        excluded = np.asarray(list(exclude), np.uint64)
        # By row: looking up the ids of what is drawn would map a page of them for every one.
        without = self.rows_of(excluded[self._catalogue.contains(excluded)])
        total = int(self._starts[-1])
        size = min(total, n + len(excluded) + (total - self.size) * n // max(1, self.size))
        while True:
            drawn = generator.choice(total, size, replace=False)
            parts = [(number, self._keep(number, rows, without)) for number, rows in self._by_segment(drawn)]
            if size == total or sum(len(rows) for _, rows in parts) >= n:
                return parts
            size = min(total, 2 * size + 16)  # more of them deleted than there are in the catalogue on average

    def rows_of(self, ids: Ids) -> list[Rows]:
        """The rows of the items in each segment. Raises UnknownItem."""
        segments, rows = (np.asarray(part, np.int64) for part in self._catalogue.locate(ids))
        return [rows[segments == number] for number in range(len(self.live))]

    def _keep(self, number: int, rows: Rows, without: Sequence[Rows]) -> Rows:
        """Those of the segment's rows that are live and not to be left out."""
        live = self.live[number]
        rows = rows if live is None else rows[live[rows]]
        return rows[np.isin(rows, without[number], invert=True)]

    def _by_segment(self, drawn: Rows) -> list[tuple[int, Rows]]:
        numbers = np.searchsorted(self._starts, drawn, side="right") - 1
        return [(int(n), np.sort(drawn[numbers == n] - self._starts[n])) for n in np.unique(numbers)]


def thinned(codes: Codes, n: int, generator: np.random.Generator) -> Codes:
    """At most ``n`` of the codes that were drawn, at random, in their order."""
    return codes if len(codes) <= n else codes[np.sort(generator.choice(len(codes), n, replace=False))]
