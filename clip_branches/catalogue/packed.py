"""An image's bytes by its source: a file, a member of a tar, or a row of a Parquet file. Nothing is unpacked.

    photos/a.jpg                            a file below the image root
    00000.tar#000000012.jpg@1536+34567      a member, by its offset and size in bytes: read without listing the tar
    data/train-0.parquet#image@17           row 17 of the column "image": bytes, or a struct with a field "bytes"

A file whose own name looks like one of the last two is still that file.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from clip_branches.catalogue.sources import resolve_source
from clip_branches.errors import InvalidInput

MAX_BYTES = 512 * 2**20
_DIGITS = 18


def tar_source(file: str, member: str, offset: int, size: int) -> str:
    """The source of a ``member`` of the tar ``file``, whose ``size`` bytes start at ``offset``."""
    return f"{file}#{member}@{offset}+{size}"


def parquet_source(file: str, column: str, row: int) -> str:
    """The source of the image in ``row`` (from 0) of ``column`` in the Parquet ``file``."""
    return f"{file}#{column}@{row}"


def container_of(source: str) -> str:
    """The path of the file that holds the image: ``source`` itself unless it names a part of a tar or Parquet file."""
    part = _member_of(source) or _row_of(source)
    return part[0] if part else source


def read_source(root: Path, source: str) -> bytes:
    """The bytes of the image ``source`` below ``root``.

    Raises InvalidInput for a web address, a path that leaves the root, more than 512 MiB, or a part that is not there;
    OSError (FileNotFoundError and others) when a file cannot be read.
    """
    packed = "#" in source
    member, row = (_member_of(source), _row_of(source)) if packed else (None, None)
    path = resolve_source(root, source)
    if member is not None and not _is_file(path):
        return _read_member(resolve_source(root, member[0]), source, *member[1:])
    if row is not None and not _is_file(path):
        return _ROW_GROUPS.read(resolve_source(root, row[0]), source, *row[1:])
    _check_size(source, path.stat().st_size)
    return path.read_bytes()


def _member_of(source: str) -> tuple[str, int, int] | None:
    """(file, offset, size) of a source that names a member of a tar.

    By its ends, not by a pattern: a name of many marks would make one try every way to share them out.
    """
    rest, _, size = source.rpartition("+")
    rest, _, offset = rest.rpartition("@")
    place = rest.rfind(".tar#", 1, len(rest) - 1)
    if place < 0 or not _is_number(offset) or not _is_number(size):
        return None
    return rest[: place + len(".tar")], int(offset), int(size)


def _row_of(source: str) -> tuple[str, str, int] | None:
    """(file, column, row) of a source that names a row of a Parquet file."""
    rest, _, row = source.rpartition("@")
    ends = [
        place + len(mark) for mark in (".parquet", ".pq") if (place := rest.rfind(f"{mark}#", 1, len(rest) - 1)) > 0
    ]
    if not ends or not _is_number(row):
        return None
    return rest[: max(ends)], rest[max(ends) + 1 :], int(row)


def _is_number(text: str) -> bool:
    return 0 < len(text) <= _DIGITS and text.isdecimal()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a member's name may be longer than a file's can be
        return False


def _read_member(path: Path, source: str, offset: int, size: int) -> bytes:
    _check_size(source, size)
    with path.open("rb") as file:
        content = os.pread(file.fileno(), size, offset)
    if len(content) != size:
        raise InvalidInput(
            f"The image {source!r} must lie inside {path}. Got the end of the file instead: it is short."
        )
    return content


def _check_size(source: str, size: int) -> None:
    if size > MAX_BYTES:
        raise InvalidInput(
            f"The image {source!r} must have at most {MAX_BYTES // 2**20} MiB. Got {size / 2**20:.0f} MiB instead."
        )


class _Group(NamedTuple):
    """Rows [first, first + len(values)) of one column of one Parquet file, as it was at ``stamp``."""

    path: Path
    stamp: tuple[int, int]
    column: str
    first: int
    values: pa.ChunkedArray


class _RowGroups:
    """Reads rows of Parquet files; a thread keeps its last row group, since neighbours are asked for together."""

    def __init__(self) -> None:
        self._kept = threading.local()

    def read(self, path: Path, source: str, column: str, row: int) -> bytes:
        status = path.stat()
        stamp = (status.st_size, status.st_mtime_ns)
        group: _Group | None = getattr(self._kept, "group", None)
        if (
            group is None
            or (group.path, group.stamp, group.column) != (path, stamp, column)
            or not group.first <= row < group.first + len(group.values)
        ):
            self._kept.group = None  # let go of the old one before the new one is read
            group = self._kept.group = _read_group(path, stamp, source, column, row)
        value = group.values[row - group.first].as_py()
        content = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(content, bytes):
            raise InvalidInput(f"The image {source!r} must hold bytes. Got nothing there.")
        return content


def _read_group(path: Path, stamp: tuple[int, int], source: str, column: str, row: int) -> _Group:
    try:
        with pq.ParquetFile(path) as file:
            first = 0
            for number in range(file.num_row_groups):
                rows = file.metadata.row_group(number).num_rows
                if row < first + rows:
                    values = file.read_row_group(number, columns=[column]).column(column)
                    return _Group(path, stamp, column, first, values)
                first += rows
    except KeyError as error:
        raise InvalidInput(
            f"The image {source!r} must be in a column of {path}. There is none of that name."
        ) from error
    except pa.ArrowException as error:
        raise InvalidInput(f"The image {source!r} cannot be read, {path} is damaged: {error}") from error
    raise InvalidInput(f"The image {source!r} must be one of the {first:,} rows of {path}.")


_ROW_GROUPS = _RowGroups()
