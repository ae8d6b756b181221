"""The file of saved searches, copied while it is written: SQLite's own online backup."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from clip_branches.errors import DamagedFile, StorageError
from clip_branches.files import replacing

_PAGES_AT_ONCE = 1_024


def copy_database(source: Path, target: Path) -> int:
    """One state of the database in ``source`` as the file ``target``, checked; how many bytes.

    Raises DamagedFile when it is not whole, StorageError when it cannot be read or written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with replacing(target) as temporary:
            with (
                closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=30)) as reading,
                closing(sqlite3.connect(temporary)) as writing,
            ):
                reading.backup(writing, pages=_PAGES_AT_ONCE, sleep=0.01)
            check_database(temporary)
    except (sqlite3.Error, OSError) as error:
        raise StorageError(f"The saved searches in {source} cannot be copied to {target}: {error}.") from error
    return target.stat().st_size


def check_database(path: Path) -> None:
    """Raises DamagedFile when SQLite finds anything wrong."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            (told,) = connection.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.DatabaseError as error:
        raise DamagedFile(f"The database {path} is damaged: {error}.") from error
    if told != "ok":
        raise DamagedFile(f"The database {path} is damaged: {told}.")
