"""The journal of an unfinished shard: a line a link that is done, which a run that was killed goes on from."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
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
    """The file ``path``; lines are appended whole.

    Of many threads that append at once, one writes for all: a write lets go of Python's lock, and threads that waited
    for each other's writes would change places a dozen times an image.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._waiting: list[bytes] = []
        self._lock = threading.Lock()
        self._writing = threading.Lock()

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
        """Note ``entry``; ``flush`` writes it."""
        with self._lock:
            if self._file is None:
                raise ValueError(f"The journal {self._path} must be open to be appended to.")
            self._waiting.append(_line(entry))

    def flush(self) -> None:
        """Write what was noted, unless another thread is writing: that one then writes this, too.

        Raises OSError when the disk refuses, also a part of it.
        """
        while self._waiting and self._writing.acquire(blocking=False):
            try:
                self._write()
            finally:
                self._writing.release()

    def close(self) -> None:
        """Write what was noted, and take no more. What the disk refuses now is fetched again."""
        with self._writing:
            with contextlib.suppress(OSError):
                self._write()
            with self._lock:
                if self._file is not None:
                    os.close(self._file)
                    self._file = None

    def remove(self) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        with self._lock:
            file, lines, self._waiting = self._file, b"".join(self._waiting), []
        if file is not None and lines and os.write(file, lines) != len(lines):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))


def _line(entry: Entry) -> bytes:
    return (json.dumps(entry._asdict(), ensure_ascii=False) + "\n").encode()
