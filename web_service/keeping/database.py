"""The database: SQLite in a file of its own, or PostgreSQL by its address; connections, transactions, migrations."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from clip_branches.access import Caller
from clip_branches.errors import ConfigurationError
from clip_branches.service import current_caller
from web_service.keeping.faults import told
from web_service.keeping.own import OwnSession

BUSY_S = 5.0
_MIGRATIONS = Path(__file__).resolve().parent / "migrations"
_LOCK = 0x636C6970  # "clip": the advisory lock that migrations hold in PostgreSQL
_WRITES = "clip_branches_writes"


class Database:
    """Where saved searches are kept. ``url``: an SQLAlchemy address, sqlite or postgresql.

    Nothing is opened before the first use, which also brings the tables up to date: in one transaction that holds a
    lock, so any number of processes may start at once, and one that is killed in it leaves the tables as they were.
    What goes wrong is one of the project's errors, and the next use tries again.
    """

    def __init__(self, url: str, *, busy_s: float = BUSY_S, caller: Callable[[], Caller] = current_caller) -> None:
        """``caller`` says whose rows a session is about."""
        self._caller = caller
        self._url = _checked(url)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        self.where = str(self._url.database) if self.is_sqlite else self._url.render_as_string(hide_password=True)
        self._engine = _sqlite(self._url, busy_s) if self.is_sqlite else _postgresql(self._url, busy_s)
        # Shares the connections; SQLite is told at the beginning of a transaction whether it will write.
        self._writer = self._engine.execution_options(**{_WRITES: True})
        self._known: object = None
        self._lock = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[OwnSession]:
        """A session that sees one state of the database."""
        with told(self.where):
            self._prepare()
            with OwnSession(self._engine, self._caller()) as session:
                yield session

    @contextmanager
    def writing(self) -> Iterator[OwnSession]:
        """A session whose changes are all kept when the block ends, and none when it fails."""
        with told(self.where):
            self._prepare()
            with OwnSession(self._writer, self._caller(), expire_on_commit=False) as session, session.begin():
                yield session

    def upgrade(self, revision: str = "head") -> None:
        """Bring the tables up to date. Raises ConfigurationError for a database of a newer program."""
        with told(self.where), self._lock:
            self._upgrade(revision)
            self._known = self._identity()

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    def _prepare(self) -> None:
        # A file that was removed or replaced (by a backup) is another database, and may need its migrations.
        if self._known is not None and self._known == self._identity():
            return
        with self._lock:
            if self._known is None or self._known != self._identity():
                self._upgrade("head")
                self._known = self._identity()

    def _upgrade(self, revision: str) -> None:
        if self.is_sqlite:
            Path(self.where).parent.mkdir(parents=True, exist_ok=True)
        with self._writer.begin() as connection:
            if not self.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            command.upgrade(migrations(connection), revision)

    def _identity(self) -> object:
        if not self.is_sqlite:
            return self.where
        try:
            status = Path(self.where).stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino


def migrations(connection: Connection) -> Config:
    """Alembic's configuration for a connection that is in a transaction already."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError(
            "The setting 'database_url' must be an address such as postgresql://user:password@host/name or "
            "sqlite:////folder/file.sqlite. Got something else instead."
        ) from error
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed.set(drivername="sqlite+pysqlite")
    raise ConfigurationError(
        f"The setting 'database_url' must name a PostgreSQL database or a file of SQLite. Got {backend!r} instead."
    )


def _postgresql(url: URL, busy_s: float) -> Engine:
    options = f"-c lock_timeout={int(busy_s * 1000)} -c statement_timeout=60000"
    return create_engine(
        url,
        pool_pre_ping=True,  # a server that was restarted has closed the connections that are kept here
        pool_timeout=busy_s,
        pool_size=4,
        max_overflow=28,
        connect_args={"connect_timeout": max(2, int(busy_s)), "options": options, "application_name": "clip-branches"},
    )


def _sqlite(url: URL, busy_s: float) -> Engine:
    # A connection costs a fraction of a millisecond, and a new one sees a file that took the place of the old.
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": busy_s})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver would begin too late, and not for changes of tables
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # Who is going to write says so at once: two readers who both want to write would only refuse each other.
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
