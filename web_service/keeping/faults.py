"""What a database reports, as the project's errors: each says what is wrong and what would help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from clip_branches.errors import ClipBranchesError, ConfigurationError, DamagedFile, ServiceUnavailable, StorageError

_UNCHANGED = "Nothing was changed, and searching goes on without it."
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT")
_REFUSED = ("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH", "SQLITE_CANTOPEN", "SQLITE_IOERR")
# PostgreSQL's classes of SQLSTATE: a read-only transaction, no room or too much at once, damaged data.
_READ_ONLY, _NO_ROOM, _TOO_MUCH, _DATA_DAMAGED = "25006", ("53100", "53200"), "53", ("XX001", "XX002", "58030")


@contextmanager
def told(where: str) -> Iterator[None]:
    """Turns the errors of the database at ``where`` (without its password) into the project's."""
    try:
        yield
    except PoolTimeout as error:
        raise ServiceUnavailable(_busy()) from error
    except DBAPIError as error:
        raise _named(error, where) from error
    except CommandError as error:
        raise ConfigurationError(
            f"The database of saved searches, {where}, is of a version that this program does not know: {error}. "
            f"Start the newer program again, or name another database. {_UNCHANGED}"
        ) from error
    except SQLAlchemyError as error:
        raise StorageError(f"The database of saved searches cannot be used: {error}. {_UNCHANGED}") from error
    except OSError as error:
        raise StorageError(
            f"The database of saved searches, {where}, cannot be made: {error.strerror or error}. {_UNCHANGED}"
        ) from error


def _named(error: DBAPIError, where: str) -> ClipBranchesError:
    name = str(getattr(error.orig, "sqlite_errorname", ""))
    state = str(getattr(error.orig, "sqlstate", None) or "")
    reason = str(error.orig).strip().splitlines()[0][:200] if str(error.orig).strip() else type(error.orig).__name__
    if name.startswith(_BUSY) or state in ("55P03", "57014", "40P01", "40001"):
        return ServiceUnavailable(_busy())
    if name.startswith("SQLITE_FULL") or state in _NO_ROOM:
        return StorageError(
            f"The database of saved searches, {where}, cannot be written: the disk is full. Make room, and try again. "
            f"{_UNCHANGED}"
        )
    if name.startswith(_DAMAGED) or state in _DATA_DAMAGED:
        return DamagedFile(
            f"The database of saved searches, {where}, is damaged: {reason}. Put a backup in its place, or move it "
            f"away to begin anew. {_UNCHANGED}"
        )
    if name.startswith(_REFUSED) or state == _READ_ONLY:
        return StorageError(
            f"The database of saved searches, {where}, cannot be opened or written: {reason}. Check that the service "
            f"may write there. {_UNCHANGED}"
        )
    if state.startswith(_TOO_MUCH) or not name:
        return ServiceUnavailable(
            f"The database of saved searches, {where}, does not answer. Try again in a moment. {_UNCHANGED}"
        )
    return StorageError(f"The database of saved searches, {where}, cannot be used: {reason}. {_UNCHANGED}")


def _busy() -> str:
    return f"The database of saved searches is busy. Try again in a moment. {_UNCHANGED}"
