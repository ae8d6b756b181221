"""Metadata columns of any table, as the plain types that a catalogue stores."""

from __future__ import annotations

import json

import pyarrow as pa

from clip_branches.catalogue.segment import CORE_COLUMNS
from preprocessing.report import Note


def storable_columns(table: pa.Table, origin: str) -> tuple[pa.Table, list[Note]]:
    """``table`` with string, integer, float and bool columns only; and a note for each column that was left out.

    Times become ISO text, decimals floats, lists and structs JSON text. A name that the catalogue uses itself is
    prefixed with "original_". ``origin`` names the file in the notes.
    """
    columns: dict[str, pa.ChunkedArray] = {}
    notes = []
    for name in table.column_names:
        if name.startswith("__index_level_"):
            continue  # pandas' row numbers
        column = _storable(table.column(name))
        target = f"original_{name}" if name in CORE_COLUMNS else name
        if column is None:
            notes.append(Note(origin, "column left out", f"{name!r} holds {table.column(name).type}"))
        elif not name or target in columns:
            notes.append(Note(origin, "column left out", f"{name!r} is empty or there twice"))
        else:
            columns[target] = column
    return pa.table(columns), notes


def _storable(column: pa.ChunkedArray) -> pa.ChunkedArray | None:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _storable(column.cast(kind.value_type))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind) or pa.types.is_string(kind):
        return column
    if pa.types.is_decimal(kind):
        return column.cast(pa.float64())
    if pa.types.is_null(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.string())
    if pa.types.is_date(kind) or pa.types.is_time(kind) or pa.types.is_timestamp(kind):
        values = [None if value is None else value.isoformat() for value in column.to_pylist()]
        return pa.chunked_array([pa.array(values, pa.string())])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_struct(kind):
        values = [None if value is None else json.dumps(value, default=str) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(values, pa.string())])
    return None
