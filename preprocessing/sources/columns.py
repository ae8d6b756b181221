"""Tables of a source: columns found by name, rows of plain values as a table, tables of several files as one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from clip_branches.errors import InvalidInput

CAPTIONS = ("caption", "text", "alt_text", "title", "description", "ai_description", "photo_description")
URLS = ("url", "image_url", "photo_image_url", "img_url", "link")


def find_column(where: str, names: Sequence[str], wanted: str | None, usual: Sequence[str], option: str) -> str:
    """The column called ``wanted``, or else the first of the ``usual`` ones, whatever their case.

    Raises InvalidInput naming the columns that ``where`` has, and the ``option`` that chooses among them.
    """
    found = maybe_column(where, names, wanted, usual, option)
    if found is None:
        raise InvalidInput(
            f"The columns of {where} must include {' or '.join(map(repr, usual[:2]))}, or one named by {option}. "
            f"Got {list(names)} instead."
        )
    return found


def maybe_column(where: str, names: Sequence[str], wanted: str | None, usual: Sequence[str], option: str) -> str | None:
    """As ``find_column``, None where there is none of the ``usual`` ones."""
    by_form = {name.strip().lower(): name for name in reversed(names)}
    if wanted is not None:
        if wanted not in names:
            raise InvalidInput(f"The {option} of {where} must be one of {list(names)}. Got {wanted!r} instead.")
        return wanted
    return next((by_form[name] for name in usual if name in by_form), None)


def table_of(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows of JSON values as a table with every name that occurs; a column of mixed types becomes text."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: _array([row.get(name) for row in rows]) for name in names})


def stack(tables: Iterable[pa.Table], rows: Sequence[int]) -> pa.Table:
    """Tables of ``rows`` rows each, below one another; a column that one lacks is null there.

    A column that has one type here and another there becomes text.
    """
    tables = list(tables)
    names = list(dict.fromkeys(name for table in tables for name in table.column_names))
    columns = {}
    for name in names:
        parts = [
            table.column(name) if name in table.column_names else pa.chunked_array([pa.nulls(count)])
            for table, count in zip(tables, rows, strict=True)
        ]
        kind = _common_type([part.type for part in parts])
        columns[name] = pa.chunked_array([chunk for part in parts for chunk in _cast(part, kind).chunks], type=kind)
    return pa.table(columns)


def _array(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([None if value is None else _as_text(value) for value in values], pa.string())


def _common_type(kinds: Sequence[pa.DataType]) -> pa.DataType:
    kinds = list(dict.fromkeys(kind for kind in kinds if not pa.types.is_null(kind)))
    if not kinds:
        return pa.string()
    if len(kinds) == 1:
        return kinds[0]
    numbers = all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds)
    if numbers:
        return pa.float64() if any(pa.types.is_floating(kind) for kind in kinds) else pa.int64()
    return pa.string()


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    try:
        return column.cast(kind)
    except pa.ArrowException:
        values = [None if value is None else _as_text(value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(values, pa.string())])


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
