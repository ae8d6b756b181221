"""Checks of images that were already made, kept in parts so that a stopped run loses little."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from clip_branches.files import replacing
from preprocessing.checking import Check
from preprocessing.sources.listing import ImageFile

_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("size", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("sha256", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("phash", pa.string()),
    ]
)


class CheckedFiles:
    """The checks kept in ``folder``. A part that cannot be read is forgotten: its images are checked again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._checks: dict[str, Check] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self._parts = sorted(folder.glob("[0-9]*.parquet"))
        for part in self._parts:
            for check in _read(part):
                self._checks[check.source] = check
        self._next = int(self._parts[-1].stem) + 1 if self._parts else 0

    def holds(self, file: ImageFile, *, hashed: bool) -> bool:
        """True when ``file`` was checked, with a perceptual hash if ``hashed``, and has not changed since."""
        check = self._checks.get(file.source)
        if check is None or (check.size, check.mtime_ns) != file[1:] or (hashed and not check.phash + check.reason):
            return False
        # What the disk refused once may be readable now.
        return check.reason != "unreadable"

    def get(self, file: ImageFile) -> Check:
        """The check of ``file``."""
        return self._checks[file.source]

    def add(self, checks: Sequence[Check]) -> None:
        """Keep ``checks`` as one more part."""
        if checks:
            self._parts.append(self._write(checks))
            self._checks.update((check.source, check) for check in checks)

    def consolidate(self, files: Sequence[ImageFile]) -> None:
        """One part in place of many, without files that are gone."""
        if len(self._parts) > 1 or len(self._checks) > len(files):
            parts = self._parts
            self._parts = [self._write([self._checks[file.source] for file in files if file.source in self._checks])]
            for part in parts:
                part.unlink(missing_ok=True)

    def _write(self, checks: Sequence[Check]) -> Path:
        path = self._folder / f"{self._next:06d}.parquet"
        self._next += 1
        columns = [[check[position] for check in checks] for position in range(len(_SCHEMA))]
        with replacing(path) as temporary:
            pq.write_table(pa.table(columns, schema=_SCHEMA), temporary)
        return path


def _read(part: Path) -> list[Check]:
    try:
        table = pq.read_table(part)
    except (pa.ArrowException, OSError):
        return []
    if table.schema != _SCHEMA:
        return []  # of an earlier version
    return [Check(*values) for values in zip(*(column.to_pylist() for column in table.columns), strict=True)]
