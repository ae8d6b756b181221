"""A catalogue's folder on disk: one writer at a time, checked files, one clear error when a disk refuses."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from clip_branches.errors import DamagedFile, StorageError
from clip_branches.files import TEMPORARY_PREFIX, sha256_of

_REASONS = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "there is no permission to write",
    errno.EPERM: "there is no permission to write",
}

# What NumPy says, without a number, of an array of which a full disk took a part.
_CUT_SHORT = re.compile(r"\d+ requested and \d+ written")


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files below ``folder`` that a killed process left; the caller must hold the folder's lock."""
    for path in list(folder.rglob(f"{TEMPORARY_PREFIX}*")):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def storage_errors(what: str, where: Path | None = None) -> Iterator[None]:
    """Turn an OSError of the block into a StorageError that says what could not be done, where and why.

    ``where`` is the folder that is written to, for errors that do not name a file.
    """
    try:
        yield
    except OSError as error:
        raise storage_error(what, error, where) from error


def storage_error(what: str, error: OSError, where: Path | None = None) -> StorageError:
    """The StorageError for ``error``, met while doing ``what`` in ``where``."""
    number = error.errno
    if number is None and _CUT_SHORT.search(str(error)):
        number = errno.ENOSPC
    reason = _REASONS.get(number or 0) or error.strerror or str(error)
    at = error.filename2 or error.filename or where  # of a copy, where it was to go
    place = f" ({at})" if at else ""
    hint = " Make room and run the same command again." if number in (errno.ENOSPC, errno.EDQUOT) else ""
    return StorageError(f"{what} failed: {reason}{place}. Nothing that was there before was changed.{hint}")


class FolderLock:
    """One process at a time in a folder: a lock that the system lifts when the process ends, however it ends."""

    def __init__(self, folder: Path, what: str) -> None:
        self._path = folder / ".lock"
        self._what = what
        self._file: IO[bytes] | None = None

    @property
    def held(self) -> bool:
        return self._file is not None

    def acquire(self) -> None:
        """Take the lock, making the folder if needed; StorageError at once when another process holds it."""
        with storage_errors(f"Writing {self._path.parent}"):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = self._path.open("wb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise StorageError(f"{self._what} is being written by another process. Wait until it ends.") from error
        self._file = file

    def release(self) -> None:
        """Let others in; nothing happens when the lock is not held."""
        if self._file is not None:
            self._file.close()
            self._file = None


def check_file(path: Path, *, size: int, sha256: str | None) -> None:
    """Check a file against its manifest entry; ``sha256=None`` checks the size alone.

    Raises DamagedFile naming the file, what was expected and what was found.
    """
    try:
        found = path.stat().st_size
        if found != size:
            raise DamagedFile(f"The file {path} is damaged: it must have {size} bytes. Got {found} instead.")
        if sha256 is not None:
            digest = sha256_of(path)
            if digest != sha256:
                raise DamagedFile(f"The file {path} is damaged: its sha256 must be {sha256}. Got {digest} instead.")
    except FileNotFoundError as error:
        raise DamagedFile(f"The file {path} must be there: the manifest names it with {size} bytes.") from error
    except OSError as error:
        raise DamagedFile(f"The file {path} must be readable. Got {error.strerror or error} instead.") from error
