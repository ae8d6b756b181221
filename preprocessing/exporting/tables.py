"""Items as one table: Parquet, with codes and embeddings where asked for, or CSV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from clip_branches.catalogue import Catalogue, Segment
from clip_branches.engine import BoxIndex
from clip_branches.errors import InvalidInput
from preprocessing.growing.plan import live_items, live_rows

_ROWS = 16_384


def write_parquet(catalogue: Catalogue, path: Path, *, codes: bool, embeddings: bool) -> None:
    """All live items: id, source, caption, width, height, sha256, metadata; codes uint8[32], embedding halffloat[d]."""
    schema = live_items(catalogue).schema
    width = embedding_width(catalogue) if embeddings else 0
    fields = list(schema)
    fields += [pa.field("code", pa.list_(pa.uint8(), 32))] if codes else []
    fields += [pa.field("embedding", pa.list_(pa.float16(), width))] if embeddings else []
    with pq.ParquetWriter(path, pa.schema(fields), compression="zstd") as writer:
        for segment, table, rows in blocks(catalogue, schema):
            columns = list(table.columns)
            if codes:
                columns.append(_vectors(_codes(segment, rows), pa.uint8(), 32))
            if embeddings and segment.embeddings is not None:
                columns.append(_vectors(segment.embeddings[rows], pa.float16(), width))
            writer.write_table(pa.table(columns, schema=pa.schema(fields)))


def write_csv(catalogue: Catalogue, path: Path) -> None:
    """All live items as UTF-8 CSV with a heading; text that needs quotes has them."""
    pyarrow.csv.write_csv(live_items(catalogue), path)


def blocks(catalogue: Catalogue, schema: pa.Schema) -> Iterator[tuple[Segment, pa.Table, npt.NDArray[np.int64]]]:
    """Live items in blocks: their segment, a table of ``schema``, and their rows in the segment."""
    for segment in catalogue.segments:
        live = np.flatnonzero(live_rows(catalogue, segment.ids))
        table = segment.table()
        for start in range(0, len(live), _ROWS):
            rows = live[start : start + _ROWS]
            part = table.take(pa.array(rows))
            columns = [
                part.column(field.name).cast(field.type)
                if field.name in part.column_names
                else pa.nulls(len(rows), field.type)
                for field in schema
            ]
            yield segment, pa.table(columns, schema=schema), rows


def embedding_width(catalogue: Catalogue) -> int:
    """Dimensions of the embeddings; InvalidInput when the catalogue does not hold those of every segment."""
    widths = {None if part.embeddings is None else part.embeddings.shape[1] for part in catalogue.segments}
    if len(widths) != 1 or None in widths:
        raise InvalidInput(
            f"The catalogue {catalogue.name!r} must hold the embeddings of all its images. Got some without: build it "
            "again to have them."
        )
    return int(widths.pop() or 0)


def _codes(segment: Segment, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    return BoxIndex.open(segment.index_path, verify=False).codes(rows)


def _vectors(values: npt.NDArray[np.generic], kind: pa.DataType, width: int) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).reshape(-1), kind), width)
