"""A segment: immutable rows of a catalogue, mapped into memory."""

from __future__ import annotations

import copy
import threading
import tokenize
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from clip_branches.catalogue.amended import apply_amended
from clip_branches.catalogue.manifest import SegmentEntry
from clip_branches.catalogue.storage import check_file
from clip_branches.errors import DamagedFile, InvalidInput

ITEMS, IDS, INDEX, EMBEDDINGS = "items.parquet", "ids.npy", "boxes.cbx", "embeddings.npy"
REQUIRED_FILES = (ITEMS, IDS, INDEX)
CORE_SCHEMA = pa.schema(
    [
        pa.field("id", pa.uint64(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("caption", pa.string()),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
    ]
)
_NPY = b"\x93NUMPY"
CORE_COLUMNS: tuple[str, ...] = tuple(CORE_SCHEMA.names)


class Segment:
    """Rows of a catalogue, in the order of the box index. Made by ``Catalogue.open``; all its files are mapped at once.

    Attributes: ``id`` name of the segment; ``rows`` their number; ``ids`` memory-mapped uint64 (rows,); ``embeddings``
    memory-mapped float16 (rows, d) or None; ``index_path`` file of the box index.
    """

    def __init__(self, folder: Path, entry: SegmentEntry, *, verify: bool) -> None:
        for name in REQUIRED_FILES:
            if name not in entry.files:
                raise DamagedFile(f"The segment {folder} must have a file {name}. Got {sorted(entry.files)} instead.")
        for name, file in entry.files.items():
            check_file(folder / name, size=file.bytes, sha256=file.sha256 if verify else None)
        self.id = entry.id
        self.entry = entry
        self.rows = entry.rows
        self.path = folder
        self.index_path = folder / INDEX
        self.ids = map_array(folder / IDS, np.dtype(np.uint64), rows=entry.rows, ndim=1)
        self.embeddings: npt.NDArray[np.float16] | None = None
        if EMBEDDINGS in entry.files:
            self.embeddings = map_array(folder / EMBEDDINGS, np.dtype(np.float16), rows=entry.rows, ndim=2)
        self._items = _open_items(folder / ITEMS, entry.rows)
        self._amended: pa.Table | None = None
        self._table: pa.Table | None = None
        self._lock = threading.Lock()

    def with_amended(self, amended: pa.Table | None) -> Self:
        """This segment, its files mapped once, with the rows of ``amended`` in place of those of the same ids."""
        if amended is None and self._amended is None:
            return self
        other = copy.copy(self)  # also the lock: the open Parquet file is shared, and read by one thread at a time
        other._amended, other._table = amended, None
        return other

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows as a pyarrow table: id, source, caption, width, height, sha256 and the metadata columns.

        ``columns`` selects some. The decoded table is kept. Raises InvalidInput for an unknown column.
        """
        with self._lock:
            if self._table is None:
                try:
                    table = self._items.read()
                    table.validate(full=True)  # also that text is UTF-8, which reading does not look at
                except (pa.ArrowException, OSError) as error:
                    raise DamagedFile(f"The file {self.path / ITEMS} is damaged: {error}.") from error
                self._table = table if self._amended is None else apply_amended(table, self._amended)
            table = self._table
        if columns is None:
            return table
        unknown = [name for name in columns if name not in table.column_names]
        if unknown:
            raise InvalidInput(f"The 'columns' of items must be among {table.column_names}. Got {unknown} instead.")
        return table.select(list(columns))

    @property
    def is_amended(self) -> bool:
        """Whether some of its rows are not those of its file."""
        return self._amended is not None

    def check(self) -> None:
        """Read every file once; DamagedFile naming the first that does not have its checksum."""
        for name, file in self.entry.files.items():
            check_file(self.path / name, size=file.bytes, sha256=file.sha256)

    @property
    def metadata_columns(self) -> tuple[str, ...]:
        """Names of the columns beyond the six that every catalogue has."""
        further = () if self._amended is None else self._amended.column_names
        names = dict.fromkeys([*self._items.schema_arrow.names, *further])
        return tuple(name for name in names if name not in CORE_COLUMNS)

    @property
    def has_captions(self) -> bool:
        """True when at least one row has a caption (told from the file's statistics)."""
        if self._amended is not None:
            return bool(self.table(["caption"]).column("caption").null_count < self.rows)
        metadata = self._items.metadata
        column = self._items.schema_arrow.get_field_index("caption")
        nulls = 0
        for number in range(metadata.num_row_groups):
            statistics = metadata.row_group(number).column(column).statistics
            if statistics is None or not statistics.has_null_count:
                return bool(self.table(["caption"]).column("caption").null_count < self.rows)
            nulls += statistics.null_count
        return bool(nulls < self.rows)


def map_array(path: Path, dtype: np.dtype[Any], *, rows: int | None, ndim: int) -> npt.NDArray[Any]:
    """Map an .npy file of the given dtype, read-only; DamagedFile when it is something else."""
    try:
        with path.open("rb") as file:
            if file.read(len(_NPY)) != _NPY:  # else NumPy would try it as an archive, or as a pickle
                raise DamagedFile(f"The file {path} is damaged: it must be a NumPy array. Got another kind instead.")
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise DamagedFile(f"The file {path} must be there: the manifest names it.") from error
    except (ValueError, EOFError, OSError, OverflowError, MemoryError, SyntaxError, tokenize.TokenError) as error:
        raise DamagedFile(f"The file {path} is damaged: it must be a NumPy array. Got {error} instead.") from error
    if array.dtype != dtype or array.ndim != ndim or (rows is not None and len(array) != rows):
        expected = f"{dtype} with {ndim} dimension(s)" + (f" and {rows} rows" if rows is not None else "")
        raise DamagedFile(
            f"The file {path} is damaged: it must hold {expected}. Got {array.dtype} of shape {array.shape} instead."
        )
    return array


def _open_items(path: Path, rows: int) -> pq.ParquetFile:
    try:
        items = pq.ParquetFile(path, memory_map=True)
    except (pa.ArrowException, OSError) as error:
        raise DamagedFile(f"The file {path} is damaged: it must be a Parquet file. Got {error} instead.") from error
    if items.metadata.num_rows != rows:
        raise DamagedFile(f"The file {path} must have {rows} rows. Got {items.metadata.num_rows} instead.")
    for field in CORE_SCHEMA:
        position = items.schema_arrow.get_field_index(field.name)
        found = items.schema_arrow.field(position).type if position >= 0 else "no such column"
        if found != field.type:
            raise DamagedFile(f"The file {path} must have a column {field.name} of {field.type}. Got {found} instead.")
    return items
