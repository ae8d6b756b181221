"""A cache on disk that stays within its bytes: what was not read for longest goes first."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from pathlib import Path

_log = logging.getLogger(__name__)
_LOOKS = 16  # the folder is looked through each time that this part of the budget was written
_KEPT_PARTS = (4, 5)  # of the budget, so that the next file does not make room again


class DiskBudget:
    """Counts what is written into a folder, by any number of threads, and makes room when it is too much.

    Several processes may share the folder: each looks at all of it, and a file that another removed is no error.
    """

    def __init__(self, folder: Path, pattern: str, max_bytes: int) -> None:
        """``pattern``: glob below ``folder`` of the files that may be removed at any time."""
        self._folder = folder
        self._pattern = pattern
        self.max_bytes = max_bytes
        self._since_look = 0
        self._looked = False  # an earlier process may have left it full: the first write looks
        self._at_look: int | None = None
        self._lock = threading.Lock()

    def used_bytes(self) -> int:
        """What the folder holds: counted at the last look, and what this process wrote since."""
        if self._at_look is None:
            self._at_look = sum(size for _, size, _ in self._files()) - self._since_look
        return self._at_look + self._since_look

    def read(self, path: Path) -> None:
        """Notes that a file was of use; only the order of removal knows."""
        with contextlib.suppress(OSError):  # a read-only disk, or just removed
            os.utime(path)

    def wrote(self, n_bytes: int) -> None:
        """Counts a file just written, and makes room now and then."""
        with self._lock:
            self._since_look += n_bytes
            if self._looked and self._since_look < max(1, self.max_bytes // _LOOKS):
                return
            self._since_look, self._looked = 0, True
        self._make_room()

    def _make_room(self) -> None:
        files = self._files()
        total = self._at_look = sum(size for _, size, _ in files)
        if total <= self.max_bytes:
            return
        kept, parts = _KEPT_PARTS
        for _, size, path in sorted(files):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                _log.warning("an old file cannot be removed", extra={"path": str(path), "reason": str(error)})
                return
            total -= size
            self._at_look = total
            if total <= self.max_bytes * kept // parts:
                return

    def _files(self) -> list[tuple[float, int, Path]]:
        """(when it was last of use, bytes, path) of every file."""
        files = []
        for path in self._folder.glob(self._pattern):
            with contextlib.suppress(OSError):
                status = path.stat()
                files.append((status.st_mtime, status.st_size, path))
        return files
