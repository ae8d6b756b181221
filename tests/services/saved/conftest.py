"""Real databases, and the web service before real search and data services over a small catalogue."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from clip_branches.settings import WebSettings
from tests.running import free_ports
from tests.services.conftest import NAME
from web_service.app import create_app

START_S = 30


class Postgres:
    """A PostgreSQL server in a temporary folder, that can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self.folder, (self.port,) = folder, free_ports(1)
        # The server refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(folder, pwd.getpwnam(self._user).pw_uid, pwd.getpwnam(self._user).pw_gid)
        self._run("initdb", "-D", str(folder / "data"), "-A", "trust", "-U", "clip", "--no-sync")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [_program("postgres"), "-D", str(self.folder / "data"), "-p", str(self.port), "-F"]
        command += ["-c", f"unix_socket_directories={self.folder}", "-c", "listen_addresses=127.0.0.1"]
        self._process = subprocess.Popen(
            command, user=self._user, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_S
        while True:
            try:
                psycopg.connect(self.address("postgres"), connect_timeout=1).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def new(self) -> str:
        """The address of an empty database."""
        name = f"saved_{secrets.token_hex(4)}"
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.address(name)

    def address(self, name: str) -> str:
        return f"postgresql://clip:secret-word@127.0.0.1:{self.port}/{name}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [_program(program), *arguments]
        subprocess.run(command, user=self._user, cwd=self.folder, check=True, capture_output=True)


def _program(name: str) -> str:
    """The path of a program of PostgreSQL, or a skipped test."""
    found = shutil.which(name)
    known = [found] if found else sorted(str(path) for path in Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not known:
        pytest.skip(f"no PostgreSQL server on this machine: {name} was not found")
    return known[-1]


@contextmanager
def _new_postgres() -> Iterator[Postgres]:
    _program("initdb")
    if os.geteuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    server = Postgres(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with _new_postgres() as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """One that the test may stop."""
    with _new_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'saved' / 'searches.sqlite'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new()


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The address of an app that is served by threads of this process."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


StartWeb = Callable[..., FlaskClient]


@pytest.fixture
def start_web() -> Iterator[StartWeb]:
    """Starts web services before any search and data apps."""
    with _stack() as enter:

        def start(search: Flask, data: Flask, database_url: str, **changes: Any) -> FlaskClient:
            settings = WebSettings(
                search_url=enter(served(search)),
                data_url=enter(served(data)),
                database_url=database_url,
                log_level="ERROR",
                timeout_s=240,  # the first search compiles kernels, on a machine that may be busy
                **changes,
            )
            app = create_app(settings)
            enter(_closing(app))
            return app.test_client()

        yield start


@contextmanager
def _closing(app: Flask) -> Iterator[Flask]:
    yield app
    app.extensions["database"].close()


@contextmanager
def _stack() -> Iterator[Callable[[Any], Any]]:
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield stack.enter_context


@pytest.fixture
def web(
    search_app: Flask, start_data: Callable[..., Flask], noise_data: Path, start_web: StartWeb, database_url: str
) -> FlaskClient:
    """The web service over "noise", with a database of each kind."""
    return start_web(search_app, start_data(noise_data), database_url)


def search(web: FlaskClient, **body: Any) -> dict[str, Any]:
    """An answer, as the page asks for it."""
    return good(web.post(f"/api/catalogues/{NAME}/search", json=body))


def refined(web: FlaskClient, **body: Any) -> dict[str, Any]:
    """An answer that a model gave, with labels."""
    first = search(web, text="red", limit=40)["hits"]
    ids = [hit["id"] for hit in first]
    return search(web, text="red", positive=ids[:4], negative=ids[-4:], **body)


def save(web: FlaskClient, answer: dict[str, Any], name: str = "reds", **more: Any) -> dict[str, Any]:
    """A saved search."""
    body = {"name": name, "catalogue": answer["catalogue"], "result_set": answer["result_set"], **more}
    return good(web.post("/api/saved/searches", json=body), 201)


def good(answer: Any, status: int = 200) -> dict[str, Any]:
    """The body of an answer that must be as expected."""
    assert answer.status_code == status, answer.text
    assert isinstance(answer.json, dict)
    return answer.json


def wrong(answer: Any, status: int, code: str) -> str:
    """The message of an error that must be as expected, in the one shape."""
    assert answer.status_code == status, answer.text
    assert answer.json["error"]["code"] == code
    return str(answer.json["error"]["message"])
