"""What every service has: one error shape, request ids, logs, health, metrics, documentation, light imports."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clip_branches import errors
from clip_branches.service import create_base_app
from clip_branches.settings import DataSettings, WebSettings
from web_service.app import create_app as create_web_app

ROOT = Path(__file__).resolve().parents[2]
# Not of the JSON API: pages, files and the redirects to them.
HTML = ("/static", "/docs", "/assets")


@pytest.fixture(scope="module", params=["search", "data", "web"])
def app(request: pytest.FixtureRequest, search_app: Flask, noise_data: Path) -> Iterator[Flask]:
    if request.param == "search":
        yield search_app
    elif request.param == "web":
        yield create_web_app(WebSettings(search_url="http://127.0.0.1:9", data_url="http://127.0.0.1:9"))
    else:
        from data_service.app import create_app

        made = create_app(DataSettings(data_dir=noise_data, log_level="WARNING"))
        yield made
        made.extensions["shelf"].stop()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def is_error(answer: Any, path: str = "") -> bool:
    body = answer.get_json(silent=True)
    if path.endswith("/image-search") and isinstance(body, dict) and "status_code" in body:
        # A neighbour's call: its callers read these two, and the error stands beside them.
        said = body.pop("status_code"), body.pop("message")
        if said != (answer.status_code, body["error"]["message"]):
            return False
    return (
        isinstance(body, dict)
        and set(body) == {"error"}
        and {"code", "message"} <= set(body["error"]) <= {"code", "message", "field"}
        and all(isinstance(value, str) and value for value in body["error"].values())
        and answer.content_type == "application/json"
    )


def endpoints(app: Flask) -> list[tuple[str, str]]:
    """(method, path) of every endpoint, with names that do not exist filled in."""
    fill = {"name": "no-such-catalogue", "result_set": "0" * 32, "id": 1, "filename": "nothing", "path": "nothing"}
    found = []
    with app.test_request_context():
        adapter = app.create_url_adapter(None)
        for rule in app.url_map.iter_rules():
            values = {argument: fill.get(argument, "nothing") for argument in rule.arguments}
            path = app.url_map.bind("localhost").build(rule.endpoint, values, method=None) if adapter is None else None
            path = path or rule.build(values)[1]  # type: ignore[index]
            found += [(method, path) for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"})]
    return found


def test_every_endpoint_refuses_in_the_one_shape(app: Flask) -> None:
    """Unknown names, wrong methods, malformed and surprising bodies, unknown parameters, at each endpoint in turn."""
    client = app.test_client()
    found = endpoints(app)
    assert len(found) > 6
    for method, path in found:
        attempts = [
            client.open(path, method=method),
            client.open(f"{path}?no_such_parameter=1", method=method),
            client.open(path, method="PATCH"),
            client.open(path + "/nothing-below", method=method),
        ]
        if method == "POST":
            bodies = (b"", b"{", b"[1]", b'"x"', b"7", b"\xff", b"[" * 50_000, b'{"text": NaN}', b'{"a": "\\ud800"}')
            attempts += [
                client.open(path, method=method, data=body, content_type="application/json") for body in bodies
            ]
            attempts.append(client.open(path, method=method, data=b"a=b"))
        for answer in attempts:
            health = answer.status_code == 503 and path == "/readyz"
            assert answer.status_code != 500, (method, path, answer.text)
            if answer.status_code >= 400 and not health and not _is_page(path, answer):
                assert is_error(answer, path), (method, path, answer.status_code, answer.text[:300])
            assert answer.headers["X-Request-ID"]


def _is_page(path: str, answer: Any) -> bool:
    """A page of the web service may say in HTML that it does not exist."""
    return answer.content_type.startswith("text/html") and (path == "/" or path.startswith(HTML))


@pytest.mark.parametrize(
    "path", ["/nothing", "/v1/nothing", "/livez/x", "/%00", "/" + "x" * 3_000, "/v1/catalogues/%ff"]
)
def test_nothing_there(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers={"Accept": "application/json"})
    assert answer.status_code == 404
    assert is_error(answer) or answer.content_type.startswith("text/html")


def test_the_wrong_method_names_the_right_ones(client: FlaskClient) -> None:
    answer = client.delete("/livez")
    assert answer.status_code == 405
    assert is_error(answer)
    assert "GET" in answer.headers["Allow"]


def test_alive_ready_and_measured(client: FlaskClient) -> None:
    assert client.get("/livez").json == {"status": "ok", "reasons": []}
    ready = client.get("/readyz")
    assert ready.json is not None
    assert (ready.status_code == 200) == (ready.json["status"] == "ok") == (not ready.json["reasons"])
    metrics = client.get("/metrics").text
    assert 'http_requests_total{method="GET",route="/livez",status="200"}' in metrics
    assert "http_request_seconds_bucket" in metrics
    assert "http_requests_in_progress" in metrics


def test_documented_without_help_from_elsewhere(app: Flask, client: FlaskClient) -> None:
    document = client.get("/openapi.json").json
    assert document is not None
    assert document["openapi"].startswith("3.")
    for path in ("/livez", "/readyz"):
        assert path in document["paths"]
    for operations in document["paths"].values():
        for operation in operations.values():
            schema = operation["responses"]["400"]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorResponse"}
    text = json.dumps(document)
    for name in set(re.findall(r'"#/components/schemas/([^"]+)"', text)):
        assert name in document["components"]["schemas"]
    assert '"#/$defs' not in text
    page = client.get("/docs", follow_redirects=True)
    assert page.status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert client.get("/docs/swagger/js/swagger-ui-bundle.js").status_code == 200


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("0123abcd-0123", True), ("short", False), ("x" * 65, False), ("with space 12", False), ("<script>alert", False)],
)
def test_request_ids(client: FlaskClient, sent: str, kept: bool) -> None:
    given = client.get("/livez", headers={"X-Request-ID": sent}).headers["X-Request-ID"]
    assert (given == sent) is kept
    assert client.get("/livez").headers["X-Request-ID"] != given


def test_no_page_of_another_site_may_read(client: FlaskClient) -> None:
    answer = client.get("/livez", headers={"Origin": "https://elsewhere.example"})
    assert not any(name.lower().startswith("access-control") for name, _ in answer.headers)


@pytest.fixture
def small() -> Flask:
    """A service that fails in every way there is."""
    app = create_base_app("small", DataSettings(log_level="INFO"), title="Small", description="Fails.", max_body=100)
    failures = {
        "invalid": errors.InvalidInput("no good", field="x"),
        "large": errors.TooLarge("too much"),
        "image": errors.UnsupportedImage("no image"),
        "gone": errors.UnknownItem("not there"),
        "damaged": errors.DamagedFile("boxes.cbx is damaged"),
        "away": errors.ServiceUnavailable("away"),
        "settings": errors.ConfigurationError("cannot be used"),
        "disk": errors.StorageError("full"),
        "base": errors.ClipBranchesError("odd"),
        "bug": ZeroDivisionError("a secret of the inside"),
    }

    @app.route("/fail/<kind>")
    def fail(kind: str) -> str:
        raise failures[kind]

    @app.route("/read", methods=["POST"])
    def read() -> dict[str, int]:
        from flask import request

        return {"bytes": len(request.get_data())}

    return app


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("invalid", 400, "invalid_input"),
        ("large", 413, "too_large"),
        ("image", 415, "unsupported_image"),
        ("gone", 404, "unknown_item"),
        ("damaged", 503, "damaged_file"),
        ("away", 503, "service_unavailable"),
        ("settings", 503, "configuration_error"),
        ("disk", 503, "storage_error"),
        ("base", 500, "error"),
        ("bug", 500, "internal_error"),
    ],
)
def test_every_error_has_its_status(small: Flask, kind: str, status: int, code: str) -> None:
    answer = small.test_client().get(f"/fail/{kind}")
    assert answer.status_code == status
    assert is_error(answer)
    assert answer.json is not None
    assert answer.json["error"]["code"] == code


def test_a_bug_shows_its_request_id_and_nothing_else(small: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    answer = small.test_client().get("/fail/bug", headers={"X-Request-ID": "follow-me-1"})
    assert "follow-me-1" in answer.text
    assert "secret" not in answer.text
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    bug = next(line for line in lines if line["message"] == "unexpected error")
    assert bug["request_id"] == "follow-me-1"
    assert "a secret of the inside" in bug["exception"]
    access = next(line for line in lines if line["logger"] == "clip_branches.access")
    assert (access["status"], access["path"], access["request_id"]) == (500, "/fail/bug", "follow-me-1")
    assert access["ms"] >= 0


def test_a_body_over_the_limit(small: Flask) -> None:
    assert small.test_client().post("/read", data=b"x" * 100).json == {"bytes": 100}
    answer = small.test_client().post("/read", data=b"x" * 101)
    assert answer.status_code == 413
    assert is_error(answer)
    assert "100" in answer.text


def test_two_apps_count_apart_and_nothing_stays_in_progress(small: Flask) -> None:
    client = small.test_client()
    threads = [threading.Thread(target=small.test_client().get, args=("/fail/bug",)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    metrics = client.get("/metrics").text
    assert 'route="/fail/<kind>",status="500"} 5.0' in metrics
    assert "http_requests_in_progress 1.0" in metrics  # the one that asks
    other = create_base_app("other", DataSettings(), title="Other", description="Other.")
    assert "/fail/" not in other.test_client().get("/metrics").text


@pytest.mark.parametrize("package", ["data_service", "web_service"])
def test_light_services_stay_light(package: str, tmp_path: Path) -> None:
    """In a process of its own: what the data and web images do not have installed is never imported."""
    script = (
        f"import sys\nfrom {package}.app import create_app\napp = create_app()\n"
        "app.test_client().get('/readyz'); app.test_client().get('/v1/catalogues')\n"
        "heavy = {'torch', 'torchvision', 'open_clip', 'numba', 'sklearn', 'pandas', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    environment = {"DATA_DIR": str(tmp_path), "PATH": "", "LOG_LEVEL": "ERROR"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
