"""Images as a Parquet file, written row group by row group."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from search_service.exporting.rows import OWN, Export
from search_service.exporting.sink import Sink

RECIPE_KEY = "clip-branches-recipe"
_GROUP_ROWS = 10_000
_OWN_TYPES = {
    "rank": pa.int64(),
    "id": pa.uint64(),
    "score": pa.float32(),
    "votes": pa.int16(),
    "label": pa.string(),
    "searches": pa.list_(pa.string()),
    "source": pa.string(),
    "caption": pa.string(),
    "width": pa.int32(),
    "height": pa.int32(),
    "sha256": pa.string(),
}


def as_parquet(export: Export) -> Iterator[bytes]:
    """A Parquet file with a column for each field; the recipe is JSON in the file's metadata."""
    schema = _schema(export)
    names = dict(zip(schema.names[len(schema.names) - len(export.further) :], export.further, strict=True))
    sink, waiting = Sink(), []
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for rows in export.batches():
            waiting += [{**row, **{name: row["metadata"].get(own) for name, own in names.items()}} for row in rows]
            if len(waiting) >= _GROUP_ROWS:
                writer.write_table(pa.Table.from_pylist(waiting, schema=schema))
                waiting = []
                yield sink.take()
        if waiting:
            writer.write_table(pa.Table.from_pylist(waiting, schema=schema))
    yield sink.take()


def _schema(export: Export) -> pa.Schema:
    fields = [pa.field(name, kind) for name, kind in _OWN_TYPES.items() if name != "searches" or len(export.groups) > 1]
    for name in export.further:
        known = [
            segment.table([name]).schema.field(name)
            for segment in export.catalogue.segments
            if name in segment.metadata_columns
        ]
        try:
            kind = pa.unify_schemas([pa.schema([field]) for field in known], promote_options="permissive").field(0).type
        except pa.ArrowException:
            kind = pa.string()
        fields.append(pa.field(f"metadata.{name}" if name in OWN else name, kind))
    return pa.schema(fields, metadata={RECIPE_KEY: json.dumps(export.recipe, ensure_ascii=False)})
