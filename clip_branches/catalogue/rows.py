"""Rows of tables as items: plain JSON values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from clip_branches.catalogue.segment import CORE_COLUMNS, Segment


def rows_to_items(
    segments: Sequence[Segment], numbers: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]
) -> list[dict[str, Any]]:
    """Items at ``rows`` (k,) of segments ``numbers`` (k,), in that order."""
    items: list[dict[str, Any]] = [{}] * len(rows)
    for number in np.unique(numbers):
        positions = np.flatnonzero(numbers == number)
        table = segments[number].table().take(pa.array(rows[positions]))
        for position, item in zip(positions, _table_to_items(table), strict=True):
            items[position] = item
    return items


def _table_to_items(table: pa.Table) -> list[dict[str, Any]]:
    columns = {name: [_json_value(value) for value in table.column(name).to_pylist()] for name in table.column_names}
    further = [name for name in table.column_names if name not in CORE_COLUMNS]
    items = []
    for row in range(table.num_rows):
        item = {name: columns[name][row] for name in CORE_COLUMNS}
        item["metadata"] = {name: columns[name][row] for name in further}
        items.append(item)
    return items


def _json_value(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
