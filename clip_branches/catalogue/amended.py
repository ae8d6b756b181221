"""Rows that were amended after their segment was written: a new caption, other metadata, a file that moved.

A segment never changes. The whole new rows stand in a file of the generation and take the old rows' place when the
items are read; codes, ids and embeddings are not concerned, since the image is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from clip_branches.catalogue.manifest import NamedFile
from clip_branches.catalogue.storage import check_file
from clip_branches.errors import DamagedFile


def read_amended(folder: Path, entry: NamedFile | None, *, verify: bool) -> pa.Table | None:
    """The amended rows of a generation, sorted by id, or None when it has none. Raises DamagedFile."""
    if entry is None:
        return None
    path = folder / entry.file
    check_file(path, size=entry.bytes, sha256=entry.sha256 if verify else None)
    try:
        table = pq.read_table(path)
        table.validate(full=True)  # also that text is UTF-8, which reading does not look at
    except (pa.ArrowException, OSError) as error:
        raise DamagedFile(f"The file {path} is damaged: it must be a Parquet file. Got {error} instead.") from error
    if "id" not in table.column_names or table.column("id").type != pa.uint64():
        raise DamagedFile(f"The file {path} must have a column id of uint64. Got {table.column_names} instead.")
    return table.sort_by("id")


def rows_among(table: pa.Table | None, ids: npt.NDArray[np.uint64]) -> pa.Table | None:
    """Those rows of ``table`` whose id is among ``ids``, or None when none is."""
    if table is None or table.num_rows == 0:
        return None
    here = np.isin(table.column("id").to_numpy(), ids)
    return table.filter(pa.array(here)) if here.any() else None


def apply_amended(table: pa.Table, amended: pa.Table) -> pa.Table:
    """``table`` with the rows of ``amended`` in place of those of the same ids, in the order of ``table``."""
    ids = table.column("id").to_numpy()
    order = np.argsort(ids, kind="stable")
    replaced = order[np.searchsorted(ids[order], amended.column("id").to_numpy())]
    rows = np.arange(len(ids))
    rows[replaced] = len(ids) + np.arange(amended.num_rows)
    return join_tables([table, amended]).take(pa.array(rows))


def join_tables(tables: Sequence[pa.Table]) -> pa.Table:
    """The rows of all ``tables``, one or more; a column that one lacks is null there, one of two types becomes text."""
    types: dict[str, pa.DataType] = {}
    for table in tables:
        for field in table.schema:
            types[field.name] = _common(types.get(field.name, field.type), field.type)
    never_null = [{field.name for field in table.schema if not field.nullable} for table in tables]
    required = set.intersection(*never_null)
    schema = pa.schema([pa.field(name, kind, nullable=name not in required) for name, kind in types.items()])
    aligned = [
        pa.table(
            [
                table.column(name).cast(kind) if name in table.column_names else pa.nulls(table.num_rows, kind)
                for name, kind in types.items()
            ],
            schema=schema,
        )
        for table in tables
    ]
    return pa.concat_tables(aligned)


def _common(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    numeric = [pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in (one, other)]
    if all(numeric):
        both_whole = pa.types.is_integer(one) and pa.types.is_integer(other)
        return pa.int64() if both_whole else pa.float64()
    return pa.string()
