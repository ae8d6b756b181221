"""Rankings of a gallery by vectors, and the recall of one right answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
_BLOCK = 512


def rankings(queries: Array, gallery: Array, length: int) -> Iterator[tuple[slice, Rows]]:
    """Blocks of queries and, for each query, the first ``length`` rows of ``gallery``, most alike first.

    Likeness is the dot product of ``queries`` (m, d) and ``gallery`` (n, d); of equal ones the lower row comes first.
    """
    for start in range(0, len(queries), _BLOCK):
        block = slice(start, min(start + _BLOCK, len(queries)))
        order = np.argsort(-(queries[block] @ gallery.T), axis=1, kind="stable")
        yield block, order[:, :length].astype(np.int64)


def recall(ranks: npt.NDArray[np.int64], limit: int) -> float:
    """Percentage of ``ranks`` (from 0) below ``limit``."""
    return 100.0 * float((ranks < limit).mean()) if len(ranks) else 0.0


def rank_among(row: Rows, wanted: int) -> int:
    """Place of ``wanted`` in ``row``, from 0; the length of ``row`` where it is not there."""
    places = np.flatnonzero(row == wanted)
    return int(places[0]) if len(places) else len(row)


def without(row: Rows, dropped: int) -> Rows:
    """``row`` without the row number ``dropped``."""
    kept: Rows = row[row != dropped]
    return kept


def rounded(figures: dict[str, float]) -> dict[str, float]:
    """Percentages to two places, as the papers print them."""
    return {name: round(value, 2) for name, value in figures.items()}


def mean_of(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0
