"""Each route of the three services against each scope: without the right one, none answers."""

from __future__ import annotations

import itertools
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from flask import Flask
from werkzeug.routing import Rule

from clip_branches.access import OPEN, SCOPES, scope_of
from clip_branches.access.keyring import KeyRing
from clip_branches.access.passing import ON_BEHALF_OF
from clip_branches.settings import DataSettings, WebSettings
from data_service.app import create_app as create_data_app
from search_service.app import create_app as create_search_app
from tests.running import ROOT, free_ports
from tests.services.conftest import search_settings
from tests.services.test_gunicorn import Process
from tests.unit.test_access_keys import access, made
from web_service.app import create_app as create_web_app

SERVICES = ("search", "data", "web")
PATHS = {"name": "demo", "result_set": "0" * 32, "id": "1", "key": "abc", "version": "1", "path": "x", "filename": "x"}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("access")
    for scope in SCOPES:
        (folder / scope).write_text(made(folder, scope, "--scopes", scope))
    return folder


@pytest.fixture(scope="module")
def apps(data_dir: Path, tiny_models: Path) -> Iterator[dict[str, Flask]]:
    data = create_data_app(DataSettings(data_dir=data_dir, access="keys", log_level="ERROR"))
    search = create_search_app(search_settings(data_dir, tiny_models, access="keys"))
    search_url, data_url = (f"http://127.0.0.1:{port}" for port in free_ports(2))
    web = create_web_app(
        WebSettings(data_dir=data_dir, access="keys", search_url=search_url, data_url=data_url, log_level="ERROR")
    )
    yield {"search": search, "data": data, "web": web}
    search.extensions["search"].stop()
    data.extensions["shelf"].stop()


def routes(app: Flask) -> list[tuple[str, Rule]]:
    """(method, rule) of all that the app answers to, HEAD and OPTIONS apart."""
    rules = app.url_map.iter_rules()
    return [(method, rule) for rule in rules for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})]


def path_of(rule: Rule) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda match: PATHS[match[1]], rule.rule)


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_says_what_it_asks_for(apps: dict[str, Flask], service: str) -> None:
    unnamed = [f"{method} {rule}" for method, rule in routes(apps[service]) if scope_of(method, rule.rule) is None]
    assert unnamed == [], "name them in clip_branches/access/routes.py"


@pytest.mark.parametrize("service", SERVICES)
def test_a_route_answers_nobody_without_its_scope(apps: dict[str, Flask], data_dir: Path, service: str) -> None:
    client = apps[service].test_client()
    for method, rule in routes(apps[service]):
        needed, path = scope_of(method, rule.rule), path_of(rule)
        body = {"json": {}} if method != "GET" else {}
        nobody = client.open(path, method=method, **body)
        if needed == OPEN:
            # A form of the login page needs no scope, but the page's own token.
            assert (nobody.status_code in (401, 403)) == (method == "POST" and rule.rule in ("/login", "/logout")), path
            continue
        if rule.rule in ("/", "/saved") and nobody.status_code == 302:
            assert "login" in nobody.location
        else:
            assert (nobody.status_code, nobody.json["error"]["code"]) == (401, "not_authenticated"), path
            assert nobody.headers["WWW-Authenticate"] == "Bearer"
        for scope in SCOPES:
            key = (data_dir / scope).read_text()
            answer = client.open(path, method=method, headers={"Authorization": f"Bearer {key}"}, **body)
            if scope == needed:
                assert answer.status_code not in (401, 403), (method, path, answer.text)
            else:
                assert (answer.status_code, answer.json["error"]["code"]) == (403, "not_allowed"), (method, path, scope)
            answer.close()


@pytest.mark.parametrize("service", SERVICES)
def test_a_wrong_key_and_an_unknown_one_are_answered_alike(
    apps: dict[str, Flask], data_dir: Path, service: str
) -> None:
    client = apps[service].test_client()
    path = "/api/catalogues" if service == "web" else "/v1/catalogues"
    right = (data_dir / "read").read_text()
    revoked = made(data_dir, f"revoked-{service}", "--scopes", "read")
    access(data_dir, "revoke", f"revoked-{service}")
    answers = []
    for key in (
        right[:-1] + ("A" if right[-1] != "A" else "B"),
        "cb_0123456789ab_" + "A" * 43,
        "nonsense",
        "",
        revoked,
    ):
        answer = client.get(path, headers={"Authorization": f"Bearer {key}"})
        headers = {name: value for name, value in answer.headers if name not in ("X-Request-ID", "Date")}
        answers.append((answer.status_code, answer.data, headers))
    assert answers[0][0] == 401
    assert all(answer == answers[0] for answer in answers)


def test_a_wrong_key_takes_as_long_as_an_unknown_one(data_dir: Path) -> None:
    """The medians of many tries, in turns; an early return would show as a factor."""
    ring, right = KeyRing(data_dir), (data_dir / "read").read_text()
    asked = {"wrong": right[:-1] + ("A" if right[-1] != "A" else "B"), "unknown": "cb_0123456789ab_" + right[-43:]}
    times: dict[str, list[int]] = {name: [] for name in asked}
    for name in itertools.islice(itertools.cycle(asked), 4_000):
        started = time.perf_counter_ns()
        ring.caller(asked[name])
        times[name].append(time.perf_counter_ns() - started)
    wrong, unknown = (sorted(times[name])[1_000] for name in ("wrong", "unknown"))
    assert 0.67 < wrong / unknown < 1.5


def test_labels_in_a_search_need_the_scope_too(apps: dict[str, Flask], data_dir: Path) -> None:
    client, headers = apps["search"].test_client(), {"Authorization": f"Bearer {(data_dir / 'read').read_text()}"}
    answer = client.post("/v1/catalogues/demo/search", json={"text": "x", "positive": [1]}, headers=headers)
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "not_allowed")


def test_nobody_passes_for_another_by_a_header(apps: dict[str, Flask]) -> None:
    for service, path in (("search", "/v1/catalogues"), ("data", "/v1/catalogues"), ("web", "/api/catalogues")):
        answer = apps[service].test_client().get(path, headers={ON_BEHALF_OF: "eyJvd25lciI6ImxvY2FsIn0.AAAA"})
        assert (answer.status_code, answer.json["error"]["code"]) == (401, "not_authenticated")


def test_a_browser_may_ask_what_it_may_ask(apps: dict[str, Flask]) -> None:
    """A CORS preflight carries no key; it tells nothing but methods."""
    assert apps["search"].test_client().options("/knn-service").status_code == 200


def test_what_is_not_there_is_not_there(apps: dict[str, Flask]) -> None:
    for service in SERVICES:
        assert apps[service].test_client().get("/nothing").status_code == 404


@pytest.mark.slow
@pytest.mark.parametrize(
    ("service", "said"),
    [*((service, "by the setting") for service in SERVICES), ("web", "by the command line"), ("web", "as open")],
)
def test_a_service_refuses_to_be_open_to_strangers(tmp_path: Path, service: str, said: str) -> None:
    port = free_ports(1)[0]
    command = [sys.executable, "-m", "gunicorn", "-c", f"python:{service}_service.gunicorn_conf"]
    environment = {"PATH": "/usr/bin:/bin", "DATA_DIR": str(tmp_path), f"{service.upper()}_PORT": str(port)}
    if said == "by the command line":
        command += ["--bind", f"0.0.0.0:{port}"]
    else:
        environment[f"{service.upper()}_HOST"] = "0.0.0.0"
    if said == "as open":
        made(tmp_path, "ada", "--scopes", "read")
        environment["ACCESS"] = "open"
    command.append(f"{service}_service.app:create_app()")
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 1, done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("Error:")]
    assert len(told) == 1, done.stderr
    assert "clip_branches.access add" in told[0]
    assert "Traceback" not in done.stderr + done.stdout


@pytest.mark.slow
def test_with_a_key_it_listens_to_everybody_and_asks(tmp_path: Path) -> None:
    key = made(tmp_path / "data", "ada", "--scopes", "read")
    service = Process("data", tmp_path / "data", tmp_path / "models", host="0.0.0.0")
    service.start()
    try:
        service.wait("/livez", seconds=280)

        def status(headers: dict[str, str] | None = None) -> int:
            return requests.get(f"{service.url}/v1/catalogues", timeout=60, headers=headers).status_code

        known = {"Authorization": f"Bearer {key}"}
        assert (status(), status(known)) == (401, 200)
        access(tmp_path / "data", "revoke", "ada")
        assert status(known) == 401
    finally:
        service.send(signal.SIGTERM)
        service.ended(120)
