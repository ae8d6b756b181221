"""A finished shard's table and statistics, with img2dataset's columns and keys."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from clip_branches.files import replacing, write_whole
from preprocessing.download.journal import Result

SUCCESS, NOT_FETCHED, NOT_AN_IMAGE = "success", "failed_to_download", "failed_to_resize"
RESULT = pa.schema(
    [
        ("key", pa.string()),
        ("status", pa.string()),
        ("error_message", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("original_width", pa.int32()),
        ("original_height", pa.int32()),
        ("exif", pa.string()),
        ("sha256", pa.string()),
    ]
)


def rename_own(links: pa.Table) -> pa.Table:
    """``links`` with names for their further columns that the layout does not use itself."""
    names = [f"source_{name}" if name in RESULT.names else name for name in links.column_names]
    return links.rename_columns(names)


def write_table(path: Path, links: pa.Table, keys: Sequence[str], results: Sequence[Result]) -> None:
    """Write the table of a shard: ``links``, and how each ended."""
    table = links
    for field in RESULT:
        if field.name == "key":
            values: list[Any] = list(keys)
        elif field.name == "exif":
            values = ["{}" if result["status"] == SUCCESS else None for result in results]
        else:
            values = [result.get(field.name) for result in results]
        table = table.append_column(field.name, pa.array(values, field.type))
    with replacing(path) as temporary:
        pq.write_table(table, temporary)


def read_table(path: Path) -> tuple[pa.Table, list[Result]]:
    """What ``write_table`` wrote: the links, and url, key and how each ended; nothing when it cannot be read."""
    try:
        table = pq.read_table(path)
        results = table.select(["url", *(name for name in RESULT.names if name != "exif")]).to_pylist()
    except (pa.ArrowException, OSError, KeyError):
        return pa.table({}), []
    return table.drop_columns(RESULT.names), list(results)


def told_otherwise(links: pa.Table, before: pa.Table) -> list[int]:
    """Rows whose caption or metadata is not that of the same row ``before``; all that both have if columns differ."""
    rows = min(links.num_rows, before.num_rows)
    if links.column_names != before.column_names:
        return list(range(rows))
    now, then = links.slice(0, rows), before.slice(0, rows)
    if now.equals(then):
        return []
    pairs = zip(now.to_pylist(), then.to_pylist(), strict=True)
    return [row for row, (one, other) in enumerate(pairs) if one != other]


def write_statistics(path: Path, results: Sequence[Result], started: float) -> None:
    """Write counts and reasons of a shard that was begun at ``started``, seconds since 1970."""
    states = Counter(result["status"] for result in results)
    reasons = Counter(result["error_message"] or SUCCESS for result in results)
    now = time.time()
    told = {
        "count": len(results),
        "successes": states[SUCCESS],
        NOT_FETCHED: states[NOT_FETCHED],
        NOT_AN_IMAGE: states[NOT_AN_IMAGE],
        "duration": now - started,
        "start_time": started,
        "end_time": now,
        "status_dict": dict(reasons),
    }
    write_whole(path, (json.dumps(told, indent=4) + "\n").encode())
