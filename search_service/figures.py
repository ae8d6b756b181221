"""An answer in figures: its columns beside the catalogue's, and how its scores are spread."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from clip_branches.engine import AnswerSet
from clip_branches.schemas.looking import Bin, FiguresColumn, FiguresValue
from search_service.columns import Column, Columns, Rows

_LISTED = 12
_BINS = 24


def score_bins(found: AnswerSet) -> list[Bin]:
    """How many images have a score in each of up to 24 equal ranges, from the lowest score to the highest."""
    return _bins(found.scores.astype(np.float64), None)


def columns_beside(columns: Columns, rows: Rows, everything: Rows) -> list[FiguresColumn]:
    """Every column that tells images apart, over ``rows`` and over ``everything`` in the catalogue."""
    told = (_column(columns.get(name), rows, everything) for name in columns.names)
    return [column for column in told if column is not None]


def _column(column: Column, rows: Rows, everything: Rows) -> FiguresColumn | None:
    if column.numbers is not None:
        here, all_of = column.numbers[rows], column.numbers[everything]
        all_of = all_of[~np.isnan(all_of)]
        if not len(all_of) or all_of.min() == all_of.max():
            return None
        return FiguresColumn(name=column.name, kind="numbers", bins=_bins(all_of, here[~np.isnan(here)]))
    catalogue = dict(column.count(everything))
    if len(catalogue) < 2 or max(catalogue.values()) < 2:
        return None
    here = column.count(rows)
    listed = [FiguresValue(value=value, count=count, of=catalogue[value]) for value, count in here[:_LISTED]]
    return FiguresColumn(name=column.name, kind="values", values=listed, more=len(here) - len(listed))


def _bins(numbers: npt.NDArray[np.float64], part: npt.NDArray[np.float64] | None) -> list[Bin]:
    """Equal ranges over ``numbers``; with a ``part`` its counts, and those of ``numbers`` as what they are of."""
    if not len(numbers):
        return []
    edges = np.linspace(numbers.min(), numbers.max(), 2 if numbers.min() == numbers.max() else _BINS + 1)
    counts = np.histogram(numbers if part is None else part, edges)[0]
    of = [None] * len(counts) if part is None else np.histogram(numbers, edges)[0].tolist()
    return [
        Bin(low=low, high=high, count=count, of=total)
        for low, high, count, total in zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), of, strict=True)
    ]
