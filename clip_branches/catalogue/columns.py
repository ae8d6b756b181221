"""What the rows of a segment must look like."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from clip_branches.catalogue.segment import CORE_COLUMNS, CORE_SCHEMA
from clip_branches.catalogue.sources import check_source
from clip_branches.errors import InvalidInput


def check_items(table: pa.Table, *, next_id: int) -> pa.Table:
    """``table`` with the core columns first and of their stored types; ids must be unique, not null, below ``next_id``.

    Raises InvalidInput naming the column and what it must hold.
    """
    missing = [name for name in CORE_COLUMNS if name not in table.column_names]
    if missing:
        raise InvalidInput(f"The items of a segment must have the columns {list(CORE_COLUMNS)}. Missing: {missing}.")
    if table.num_rows == 0:
        raise InvalidInput("The items of a segment must have at least one row. Got none instead.")
    if len(set(table.column_names)) != len(table.column_names):
        raise InvalidInput(f"The columns of items must have different names. Got {table.column_names} instead.")
    fields, columns = [], []
    for field in CORE_SCHEMA:
        fields.append(field)
        columns.append(_core_column(table.column(field.name), field))
    for name in table.column_names:
        if name not in CORE_COLUMNS:
            column = _metadata_column(name, table.column(name))
            fields.append(pa.field(name, column.type))
            columns.append(column)
    checked = pa.Table.from_arrays(columns, schema=pa.schema(fields))
    _check_values(checked, next_id)
    return checked


def _core_column(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    try:
        column = column.cast(field.type)
    except pa.ArrowException as error:
        raise InvalidInput(f"The column {field.name} of items must be {field.type}. Got {error} instead.") from error
    if not field.nullable and column.null_count:
        raise InvalidInput(f"The column {field.name} of items must have no nulls. Got {column.null_count} instead.")
    return column


def _metadata_column(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = kind.value_type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_null(kind):
        return column.cast(pa.string())
    if not (
        pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    ):
        raise InvalidInput(f"The metadata column {name!r} must be of strings, numbers or bools. Got {kind} instead.")
    return column


def _check_values(table: pa.Table, next_id: int) -> None:
    ids = table.column("id")
    if pc.count_distinct(ids).as_py() != table.num_rows:
        raise InvalidInput("The ids of a segment must be unique. Got some twice instead.")
    highest = pc.max(ids).as_py()
    if highest >= next_id:
        raise InvalidInput(f"The ids of a segment must come from new_ids (below {next_id}). Got {highest} instead.")
    for source in table.column("source").to_pylist():
        check_source(source)
    for name in ("width", "height"):
        if pc.min(table.column(name)).as_py() < 1:
            raise InvalidInput(f"The {name} of an item must be at least 1 pixel. Got less instead.")
    for digest in table.column("sha256").to_pylist():
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise InvalidInput(f"The sha256 of an item must be 64 hex digits. Got {digest!r} instead.")
