"""The database of saved searches: migrations from every revision, many processes at once, and every kind of trouble."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import requests
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask.testing import FlaskClient
from sqlalchemy import create_engine, select, text

from clip_branches.errors import (
    ClipBranchesError,
    ConfigurationError,
    DamagedFile,
    ServiceUnavailable,
    StorageError,
)
from clip_branches.settings import WebSettings
from tests.services.saved.conftest import Postgres, good, wrong
from tests.services.test_gunicorn import Process
from web_service.app import create_app
from web_service.keeping.database import Database, migrations
from web_service.keeping.tables import SavedSearch, Table

ROOT = Path(__file__).resolve().parents[3]
ROW = {
    "id": "abc", "version": 1, "name": "reds", "notes": "", "catalogue": "noise", "created_at": 1_700_000_000_000,
    "changed_at": 1, "answered_at": 1, "asked": "{}", "address": "?", "result_set": "0" * 32, "generation": 1,
    "model": "text", "total": 3, "right_marks": 0, "wrong_marks": 0, "cover": "[1, 2]",
}  # fmt: skip


def revisions() -> list[str]:
    """All revisions, the earliest first."""
    with create_engine("sqlite://").connect() as connection:
        script = ScriptDirectory.from_config(migrations(connection))
    return [revision.revision for revision in reversed(list(script.walk_revisions()))]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


def names_of(database: Database) -> list[str]:
    with database.reading() as session:
        return list(session.scalars(select(SavedSearch.name)))


def insert(database: Database) -> None:
    values = ", ".join(f":{key}" for key in ROW)
    change(database, f"INSERT INTO saved_search ({', '.join(ROW)}) VALUES ({values})", **ROW)


def change(database: Database, *statements: str, **values: object) -> None:
    """Runs statements in one transaction."""
    with database.writing() as session:
        for statement in statements:
            session.execute(text(statement), values)


def test_the_tables_are_what_the_program_expects(database: Database) -> None:
    database.upgrade()
    with database.reading() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []


@pytest.mark.parametrize("revision", revisions())
def test_rows_of_every_earlier_revision_are_kept(database_url: str, revision: str) -> None:
    earlier = Database(database_url)
    earlier.upgrade(revision)
    insert(earlier)
    earlier.close()
    now = Database(database_url)
    assert names_of(now) == ["reds"]
    with now.writing() as session:
        session.get_one(SavedSearch, "abc").name = "still there"
    assert names_of(now) == ["still there"]
    now.close()


def test_a_change_of_tables_that_fails_half_way_leaves_them_as_they_were(database: Database) -> None:
    database.upgrade(revisions()[0])
    with pytest.raises(ClipBranchesError):
        change(database, "DROP TABLE kept_answer", "SELECT nonsense FROM nowhere")
    with database.reading() as session:
        session.execute(text("SELECT * FROM kept_answer"))


def test_many_processes_start_at_once(database_url: str) -> None:
    program = (
        "import sys; from web_service.keeping.database import Database\n"
        "database = Database(sys.argv[1], busy_s=60)\n"
        "with database.reading() as session: pass"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, database_url], cwd=ROOT, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in started:
        _, error = process.communicate(timeout=120)
        assert process.returncode == 0, error.decode()


def test_a_database_of_a_newer_program_is_refused(database: Database) -> None:
    database.upgrade()
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    later = Database(database._url.render_as_string(hide_password=False))
    with pytest.raises(ConfigurationError, match="newer program"), later.reading():
        pass
    later.close()


@pytest.mark.parametrize("url", ["nonsense", "mysql://host/name", "sqlite://", "sqlite:///:memory:"])
def test_an_address_that_cannot_be_used_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ConfigurationError, match="'database_url' must"):
        Database(url)


def test_a_locked_file_is_busy(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/s.sqlite", busy_s=0.2)
    insert(database)
    with sqlite3.connect(tmp_path / "s.sqlite", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ServiceUnavailable, match="is busy"):
            names_of(database)
        with pytest.raises(ServiceUnavailable, match="is busy"):
            insert(database)
        other.execute("ROLLBACK")
    other.close()
    assert names_of(database) == ["reds"]


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/s.sqlite")
    insert(database)
    # The file may not grow, as on a full disk.
    full = ("PRAGMA max_page_count = 1", "UPDATE saved_search SET notes = :long")
    with pytest.raises(StorageError, match="the disk is full"):
        change(database, *full, long="x" * 500_000)
    assert names_of(database) == ["reds"]


@pytest.mark.parametrize("damage", ["foreign", "torn", "emptied"])
def test_a_damaged_file_is_said_and_a_backup_heals_it(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "s.sqlite"
    database = Database(f"sqlite:///{file}")
    insert(database)
    whole = file.read_bytes()
    if damage == "foreign":
        file.write_bytes(b"this is no database at all, but it is long enough to look like a file" * 90)
    elif damage == "torn":
        file.write_bytes(whole[:100] + os.urandom(len(whole) - 100))
    else:
        file.write_bytes(b"")
    if damage != "emptied":
        with pytest.raises(DamagedFile, match="is damaged"):
            names_of(database)
    file.unlink()
    file.write_bytes(whole)
    assert names_of(database) == ["reds"]


def test_a_file_that_was_removed_begins_anew(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/s.sqlite")
    insert(database)
    (tmp_path / "s.sqlite").unlink()
    assert names_of(database) == []


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be made"), Database(f"sqlite:///{tmp_path}/file/s.sqlite").reading():
        pass


def test_a_postgresql_server_that_goes_away_and_comes_back(own_postgres: Postgres) -> None:
    database = Database(own_postgres.new(), busy_s=2)
    insert(database)
    own_postgres.stop()
    for _ in range(2):
        with pytest.raises(ServiceUnavailable, match="does not answer") as told:
            names_of(database)
        assert "secret-word" not in told.value.message
    own_postgres.start()
    assert names_of(database) == ["reds"]
    database.close()


def test_a_postgresql_row_that_is_locked_is_busy(postgres: Postgres) -> None:
    url = postgres.new()
    database = Database(url, busy_s=0.3)
    insert(database)
    with psycopg.connect(url) as other:
        other.execute("SELECT * FROM saved_search FOR UPDATE")
        with pytest.raises(ServiceUnavailable, match="is busy"):
            change(database, "UPDATE saved_search SET name = 'x'")
    assert names_of(database) == ["reds"]
    database.close()


def test_threads_do_not_disturb_each_other(database: Database) -> None:
    insert(database)
    failed: list[BaseException] = []

    def count() -> None:
        try:
            for _ in range(10):
                with database.writing() as session:
                    session.execute(text("UPDATE saved_search SET total = total + 1"))
        except ClipBranchesError as error:
            failed.append(error)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with database.reading() as session:
        assert session.scalar(text("SELECT total FROM saved_search")) == 3 + 80


def test_the_page_works_without_the_database(tmp_path: Path) -> None:
    (tmp_path / "saved").write_text("no folder")
    client: FlaskClient = create_app(WebSettings(data_dir=tmp_path, log_level="ERROR")).test_client()
    assert "cannot be made" in wrong(client.get("/api/saved"), 503, "storage_error")
    assert client.get("/").status_code == 200
    (tmp_path / "saved").unlink()
    assert good(client.get("/api/saved")) == {"searches": [], "collections": []}


def test_nothing_is_opened_before_it_is_needed(tmp_path: Path) -> None:
    client = create_app(WebSettings(data_dir=tmp_path, log_level="ERROR")).test_client()
    client.get("/")
    client.get("/livez")
    assert not (tmp_path / "saved").exists()


@pytest.mark.slow
def test_two_workers_make_their_tables_once_and_both_answer(tmp_path: Path, database_url: str) -> None:
    web = Process("web", tmp_path / "data", tmp_path, workers=2, threads=4, database_url=database_url)
    try:
        web.start()
        web.wait("/livez")
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: requests.get(f"{web.url}/api/saved", timeout=60), range(24)))
    finally:
        web.send(signal.SIGKILL)
    assert [answer.status_code for answer in answers] == [200] * 24
    assert all(answer.json() == {"searches": [], "collections": []} for answer in answers)
