"""The web service alone: what it sends on, and what it answers when nobody is behind it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from flask.testing import FlaskClient

from clip_branches.settings import WebSettings
from web_service.app import create_app

NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens there


class _Upstream(BaseHTTPRequestHandler):
    """A small real HTTP server: tells what it was asked, or answers what the path says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        server = self.server
        server.seen.append((self.command, self.path, dict(self.headers), body))  # type: ignore[attr-defined]
        status, headers, content = server.answers.get(  # type: ignore[attr-defined]
            self.path.partition("?")[0], (200, {"Content-Type": "application/json"}, b"{}")
        )
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def upstream() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Upstream)
    server.seen, server.answers = [], {}  # type: ignore[attr-defined]
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def client(upstream: ThreadingHTTPServer) -> FlaskClient:
    url = f"http://127.0.0.1:{upstream.server_address[1]}"
    return create_app(WebSettings(search_url=url, data_url=url)).test_client()


@pytest.fixture
def lonely() -> FlaskClient:
    """A web service whose upstreams are both away."""
    return create_app(WebSettings(search_url=NOBODY, data_url=NOBODY)).test_client()


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/api/catalogues", "search"),
        ("/api/catalogues/demo/results/abc", "search"),
        ("/api/catalogues/demo/results/abc/changes?since=def", "search"),
        ("/api/catalogues/demo/results/abc/boxes", "search"),
        ("/api/catalogues/demo/results/abc/items/7", "search"),
        ("/api/catalogues/demo/items?ids=1", "data"),
        ("/api/catalogues/demo/items/1", "data"),
        ("/api/catalogues/demo/items/1/image?width=320", "data"),
    ],
)
def test_a_service_that_is_away_is_named(lonely: FlaskClient, path: str, service: str) -> None:
    answer = lonely.get(path)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "2"
    assert answer.json is not None
    assert answer.json["error"]["code"] == "service_unavailable"
    assert f"The {service} service does not answer" in answer.json["error"]["message"]
    assert "try again" in answer.json["error"]["message"]


def test_not_ready_while_the_others_are_away(lonely: FlaskClient) -> None:
    answer = lonely.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["reasons"] == ["The search service does not answer.", "The data service does not answer."]
    assert lonely.get("/livez").status_code == 200


def test_ready_only_when_both_are(client: FlaskClient, upstream: ThreadingHTTPServer) -> None:
    assert client.get("/readyz").status_code == 200
    body = b'{"status": "unavailable", "reasons": ["opening the catalogue"]}'
    upstream.answers["/readyz"] = (503, {"Content-Type": "application/json"}, body)  # type: ignore[attr-defined]
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["reasons"] == ["search: opening the catalogue", "data: opening the catalogue"]


def test_the_page_comes_even_while_the_others_are_away(lonely: FlaskClient) -> None:
    answer = lonely.get("/?q=a+red+boat")
    assert answer.status_code == 200
    assert 'value="a red boat"' in answer.text


def test_requests_are_passed_on_as_they_came(client: FlaskClient, upstream: ThreadingHTTPServer) -> None:
    body = b'{"text": "a red boat"}'
    headers = {"X-Request-ID": "the-same-everywhere", "Cookie": "secret=1", "Content-Type": "application/json"}
    answer = client.post("/api/catalogues/demo/search", data=body, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["X-Request-ID"] == "the-same-everywhere"
    ((method, path, sent, received),) = upstream.seen  # type: ignore[attr-defined]
    assert (method, path, received) == ("POST", "/v1/catalogues/demo/search", body)
    assert sent["X-Request-ID"] == "the-same-everywhere"
    assert "Cookie" not in sent
    client.get("/api/catalogues/demo/results/abc/changes?since=def&offset=60&limit=30")
    assert upstream.seen[-1][1] == (  # type: ignore[attr-defined]
        "/v1/catalogues/demo/results/abc/changes?since=def&offset=60&limit=30"
    )


def test_caching_of_pictures_is_passed_through(client: FlaskClient, upstream: ThreadingHTTPServer) -> None:
    path = "/v1/catalogues/demo/items/7/image"
    picture = bytes(range(256)) * 500
    cached = {"ETag": '"abc"', "Cache-Control": "public, max-age=31536000, immutable"}
    upstream.answers[path] = (200, {"Content-Type": "image/webp", **cached}, picture)  # type: ignore[attr-defined]
    answer = client.get("/api/catalogues/demo/items/7/image?width=320")
    assert answer.data == picture
    assert (answer.headers["ETag"], answer.headers["Cache-Control"]) == (cached["ETag"], cached["Cache-Control"])
    assert answer.headers["Content-Type"] == "image/webp"
    upstream.answers[path] = (304, cached, b"")  # type: ignore[attr-defined]
    answer = client.get("/api/catalogues/demo/items/7/image?width=320", headers={"If-None-Match": '"abc"'})
    assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", '"abc"')
    assert upstream.seen[-1][2]["If-None-Match"] == '"abc"'  # type: ignore[attr-defined]


def test_errors_of_the_others_keep_their_shape(client: FlaskClient, upstream: ThreadingHTTPServer) -> None:
    body = b'{"error": {"code": "unknown_catalogue", "message": "There is demo.", "field": "name"}}'
    answers = upstream.answers  # type: ignore[attr-defined]
    answers["/v1/catalogues/x/search"] = (404, {"Content-Type": "application/json"}, body)
    answer = client.post("/api/catalogues/x/search", json={"text": "boat"})
    assert (answer.status_code, answer.data) == (404, body)
    # An HTML page of a broken server is nobody's error shape.
    answers["/v1/catalogues/x/search"] = (502, {"Content-Type": "text/html"}, b"<h1>Bad Gateway</h1>")
    answer = client.post("/api/catalogues/x/search", json={"text": "boat"})
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["error"]["code"] == "service_unavailable"


@pytest.mark.parametrize(
    "path",
    [
        "/api/catalogues/..%2F..%2Fmetrics/items",
        "/api/catalogues/../metrics",
        "/api/catalogues/%2e%2e/items/1",
        "/api/catalogues/demo/results/..%2f..%2f..%2fmetrics",
        "/api/catalogues/demo/results/%2e%2e",
        "/api/catalogues/demo/items/-1",
        "/api/catalogues/demo/items/1/secret",
        "/api/metrics",
        "/api/",
        "/static/../app.py",
        "/static/x/..%2f..%2fapp.py",
    ],
)
def test_nothing_else_is_sent_on(client: FlaskClient, upstream: ThreadingHTTPServer, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (404, 405)
    assert answer.json is not None
    assert set(answer.json) == {"error"}
    assert upstream.seen == []  # type: ignore[attr-defined]


def test_a_body_that_is_too_large_is_refused(client: FlaskClient, upstream: ThreadingHTTPServer) -> None:
    answer = client.post("/api/catalogues/demo/search", data=b" " * (33 * 1024 * 1024), content_type="application/json")
    assert answer.status_code == 413
    assert answer.json is not None
    assert answer.json["error"]["code"] == "too_large"
    assert upstream.seen == []  # type: ignore[attr-defined]


def test_the_docs_list_every_path(client: FlaskClient) -> None:
    answer = client.get("/openapi.json")
    assert answer.json is not None
    assert set(answer.json["paths"]) >= {
        "/api/catalogues",
        "/api/catalogues/{name}/search",
        "/api/catalogues/{name}/suggest",
        "/api/catalogues/{name}/results/{result_set}",
        "/api/catalogues/{name}/results/{result_set}/changes",
        "/api/catalogues/{name}/results/{result_set}/boxes",
        "/api/catalogues/{name}/results/{result_set}/items/{id}",
        "/api/catalogues/{name}/items",
        "/api/catalogues/{name}/items/{id}",
        "/api/catalogues/{name}/items/{id}/image",
    }


def test_neither_torch_nor_numba_is_imported() -> None:
    code = (
        "import sys; from web_service.app import create_app; create_app();"
        "print(sorted({'torch', 'numba', 'open_clip'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
