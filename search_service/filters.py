"""A part of an answer, by what the catalogue knows of its images; the answer itself stays what it is."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import reduce

import numpy as np

from clip_branches.engine import AnswerSet, Box
from clip_branches.engine.box import members
from clip_branches.errors import InvalidInput
from clip_branches.memory_budget import MemoryBudget
from clip_branches.schemas.answers import Facet, FacetsResponse, FacetValue
from search_service.columns import Column, Columns, Mask, Rows
from search_service.served import Served

_LISTED = 60  # values of a column that are listed
ALIKE = "alike"  # the column in which the near-duplicate filter names groups of images
_CATALOGUES, _ANSWERS = 8, 32
_ROW_BYTES = 256 * 1024 * 1024
_PIECE = 1 << 16  # images whose codes are looked at together

Where = tuple[tuple[str, tuple[str, ...]], ...]


def read_where(conditions: Sequence[str], parameter: str = "where") -> Where:
    """Conditions 'column:value' by column, both sorted; InvalidInput for one without a colon."""
    wanted: dict[str, set[str]] = {}
    for condition in conditions:
        name, colon, value = condition.partition(":")
        if not colon:
            raise InvalidInput(
                f"A condition of {parameter!r} must be 'column:value'. Got {condition[:80]!r} instead.", field=parameter
            )
        wanted.setdefault(name.strip(), set()).add(value.strip())
    return tuple((name, tuple(sorted(values))) for name, values in sorted(wanted.items()))


def inside(served: Served, boxes: Sequence[Box], found: AnswerSet) -> AnswerSet:
    """The images of the answer that lie inside any of the boxes, in its order."""
    if not found.total:
        return found
    held = [
        members(boxes, served.engine.codes_of(found.ids[start : start + _PIECE])).any(axis=0)
        for start in range(0, found.total, _PIECE)
    ]
    return found.keep(np.concatenate(held))


class Filters:
    """Parts and counts of answers; keeps the columns of the catalogues and the rows of the answers last asked for."""

    def __init__(self) -> None:
        self._columns: OrderedDict[str, Columns] = OrderedDict()
        self._rows: MemoryBudget[tuple[str, str], Rows] = MemoryBudget(_ROW_BYTES, _ANSWERS, lambda rows: rows.nbytes)
        self._lock = threading.Lock()

    def part(self, served: Served, key: str, found: AnswerSet, where: Where) -> AnswerSet:
        """The images of the answer for which the conditions hold, in its order; ``key`` names the answer."""
        if not where:
            return found
        columns, rows = self.open(served, key, found)
        mask = _all([column.having(values, rows) for column, values in _chosen(columns, where)], len(rows))
        return found.keep(mask)

    def facets(
        self,
        served: Served,
        key: str,
        found: AnswerSet,
        where: Where,
        *,
        result_set: str,
        of: int,
        find: Where = (),
    ) -> FacetsResponse:
        """Every column that tells images of the answer apart, each counted with the other columns' conditions.

        Of a column in ``find`` only the values are listed that hold any of its texts, in any case of letters.
        """
        columns, rows = self.open(served, key, found)
        masks = {column.name: column.having(values, rows) for column, values in _chosen(columns, where)}
        asked, sought = dict(where), dict(find)
        for name in sought:
            columns.get(name)
        facets = []
        for name in columns.names:
            column = columns.get(name)
            others = _all([mask for other, mask in masks.items() if other != name], len(rows))
            facets.append(_facet(column, rows[others], asked.get(name, ()), sought.get(name, ())))
        return FacetsResponse(
            result_set=result_set,
            total=int(_all(list(masks.values()), len(rows)).sum()),
            of=of,
            columns=[facet for facet in facets if _tells(facet) or facet.name in {*asked, *sought}],
        )

    def alike(self, served: Served, key: str, found: AnswerSet, ids: Sequence[int]) -> list[list[int]]:
        """The groups of the catalogue's near duplicates that any of ``ids`` is in, each with all its images' ids."""
        columns, _ = self.open(served, key, found)
        column = columns.get(ALIKE) if ALIKE in columns.names else None
        if column is None or column.codes is None:
            return []
        asked = column.codes[columns.rows_of(np.array(ids, np.uint64))]
        rows = columns.everything()
        rows = rows[np.isin(column.codes[rows], asked[asked >= 0])]
        groups: dict[int, list[int]] = {}
        for code, item in zip(column.codes[rows].tolist(), columns.ids_of(rows).tolist(), strict=True):
            groups.setdefault(code, []).append(item)
        return [group for group in groups.values() if len(group) > 1]

    def open(self, served: Served, key: str, found: AnswerSet) -> tuple[Columns, Rows]:
        """The catalogue's columns, and the rows in them of the images of the answer that ``key`` names."""
        with self._lock:
            columns = self._columns.pop(served.fingerprint, None) or Columns(served.catalogue)
            self._columns[served.fingerprint] = columns
            while len(self._columns) > _CATALOGUES:
                self._columns.popitem(last=False)
        rows = self._rows.get((served.fingerprint, key))
        if rows is None:
            rows = columns.rows_of(found.ids)
            self._rows.put((served.fingerprint, key), rows)
        return columns, rows


def _chosen(columns: Columns, where: Where) -> list[tuple[Column, tuple[str, ...]]]:
    return [(columns.get(name), values) for name, values in where]


def _all(masks: Sequence[Mask], n: int) -> Mask:
    return reduce(np.logical_and, masks, np.ones(n, bool))


def _facet(column: Column, rows: Rows, asked: Sequence[str], sought: Sequence[str]) -> Facet:
    if column.numbers is not None:
        numbers = column.numbers[rows]
        numbers = numbers[~np.isnan(numbers)]
        low, high = (float(numbers.min()), float(numbers.max())) if len(numbers) else (None, None)
        return Facet(name=column.name, kind="numbers", low=low, high=high)
    counted = column.count(rows)
    known = {value for value, _ in counted}
    if sought:
        parts = [text.casefold() for text in sought]
        counted = [pair for pair in counted if pair[0] in asked or any(part in pair[0].casefold() for part in parts)]
    listed = [pair for place, pair in enumerate(counted) if place < _LISTED or pair[0] in asked]
    # What was asked for and does not occur is shown as such: a silent 0 would look like a filter that is gone.
    listed += [(value, 0) for value in asked if value not in known]
    return Facet(
        name=column.name,
        kind="values",
        values=[FacetValue(value=value, count=count) for value, count in listed],
        more=max(0, len(counted) - len([value for value, _ in listed if value in known])),
    )


def _tells(facet: Facet) -> bool:
    """Whether a column can tell images apart: not one value for all, nor another one for each."""
    if facet.kind == "numbers":
        return facet.low is not None and facet.low != facet.high
    return len(facet.values) > 1 and max(value.count for value in facet.values) > 1
