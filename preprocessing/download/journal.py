"""The journal of an unfinished shard: a line a link that is done, which a run that was killed goes on from."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from clip_branches.files import write_whole

Result = dict[str, Any]


class Entry(NamedTuple):
    """A link that is done: its ``row`` of the shard, its ``url``, and how it ended."""

    row: int
    url: str | None
    result: Result


class Journal:
    """The file ``path``; lines are appended whole, one write each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    @property
    def is_open(self) -> bool:
        """True between ``open`` and ``close``."""
        return self._file is not None

    def entries(self) -> Iterator[Entry]:
        """What is noted; the last line of a run that was killed may be half one and is passed over."""
        try:
            lines = self._path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return
        for line in lines:
            try:
                noted = json.loads(line)
                yield Entry(int(noted["row"]), noted["url"], dict(noted["result"]))
            except (ValueError, KeyError, TypeError):
                continue

    def rewrite(self, urls: Sequence[str | None], results: Mapping[int, Result]) -> None:
        """Let the journal hold ``results``, by row, and nothing else."""
        lines = [_line(Entry(row, urls[row], result)) for row, result in sorted(results.items())]
        write_whole(self._path, b"".join(lines))

    def open(self) -> None:
        """Begin to append."""
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def append(self, entry: Entry) -> None:
        """Note ``entry``. Raises OSError when the disk refuses, also a part of the line."""
        if self._file is None:
            raise ValueError(f"The journal {self._path} must be open to be appended to.")
        line = _line(entry)
        if os.write(self._file, line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))

    def close(self) -> None:
        """Append no more."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def remove(self) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)


def _line(entry: Entry) -> bytes:
    return (json.dumps(entry._asdict(), ensure_ascii=False) + "\n").encode()
