"""One request id, and one trace, through the three services as they run."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.faults.fleet import NAME, Fleet, until
from tests.running import ROOT

pytestmark = pytest.mark.slow


class Collector:
    """A small OTLP/HTTP receiver: a real socket, and OpenTelemetry's own messages."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Any]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as messages

                content = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    content = gzip.decompress(content)
                request = messages.ExportTraceServiceRequest.FromString(content)
                for resource in request.resource_spans:
                    names = {each.key: each.value.string_value for each in resource.resource.attributes}
                    for scope in resource.scope_spans:
                        collector.spans += [(names["service.name"], span) for span in scope.spans]
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        if not self._thread.is_alive():
            return
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    pytest.importorskip("opentelemetry.sdk", reason="requirements-tracing.txt is not installed")
    made = Collector()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def traced(
    collector: Collector, fault_data: Path, fault_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    """The three services, telling the collector."""
    data_dir = Path(shutil.copytree(fault_data, tmp_path_factory.mktemp("traced") / "data"))
    telling = {"OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100", "LOG_LEVEL": "INFO"}
    environment = {"MODELS_DIR": str(fault_models), "SEARCH_UNLABELLED": "100"} | telling
    with Fleet.over(data_dir, environment) as running:
        yield running


def test_one_id_and_one_trace_across_the_services(traced: Fleet, collector: Collector) -> None:
    """A search, an image and a saved search under one id: every service logs it, and a search is one tree of spans."""
    running = traced
    headers = {"X-Request-ID": "follow-me-0001"}
    body = {"text": "red", "positive": [1, 2, 3], "negative": [9]}
    answer = requests.post(f"{running.url}/api/catalogues/{NAME}/search", json=body, headers=headers, timeout=60)
    assert answer.status_code == 200
    assert answer.headers["X-Request-ID"] == "follow-me-0001"
    image = requests.get(f"{running.url}/api/catalogues/{NAME}/items/1/image?width=80", headers=headers, timeout=60)
    assert image.status_code == 200

    def logged(service: str) -> list[dict[str, Any]]:
        return [line for line in running.lines(service) if line.get("request_id") == "follow-me-0001"]

    def accessed(service: str) -> list[dict[str, Any]]:
        return [line for line in logged(service) if line["logger"] == "clip_branches.access"]

    # A line is written when the response is sent, which may be after it has arrived.
    until(lambda: [len(accessed(service)) for service in ("web", "search", "data")] == [2, 1, 1])
    for service, path in (
        ("search", f"/v1/catalogues/{NAME}/search"),
        ("data", f"/v1/catalogues/{NAME}/items/1/image"),
    ):
        (line,) = accessed(service)
        assert (line["service"], line["path"], line["status"]) == (service, path, 200)
        twin = next(line for line in accessed("web") if line["path"] == path.replace("/v1/", "/api/"))
        assert twin["trace_id"] == line["trace_id"]
    trace = next(line["trace_id"] for line in logged("search"))

    def of_trace() -> dict[str, tuple[str, Any]]:
        found = [(service, span) for service, span in list(collector.spans) if span.trace_id.hex() == trace]
        return {f"{service.removeprefix('clip-branches-')} {span.name}": (service, span) for service, span in found}

    whole = {"web POST /api/catalogues/<name>/search", "web POST", "search POST /v1/catalogues/<name>/search"}
    steps = {"search encode", "search train", "search query", "search explain", "search store"}
    until(lambda: whole | steps <= set(of_trace()))
    spans = {name: span for name, (_, span) in of_trace().items()}
    page, call = spans["web POST /api/catalogues/<name>/search"], spans["web POST"]
    asked = spans["search POST /v1/catalogues/<name>/search"]
    assert call.parent_span_id == page.span_id
    assert asked.parent_span_id == call.span_id
    assert all(spans[step].parent_span_id == asked.span_id for step in steps)
    assert not any("readyz" in name or "metrics" in name for name in spans)


def test_a_collector_that_is_away_costs_no_request(traced: Fleet, collector: Collector) -> None:
    running = traced
    collector.stop()
    for number in range(20):
        assert running.search(text=f"picture {number}").status_code == 200
    running.stop()
    for service in ("web", "search"):
        said = [line for line in running.lines(service) if line["logger"].endswith("trace_exporter")]
        # It gives up, and the service can end. What it would wait for ever is "retrying" when gunicorn kills it.
        assert (said[-1]["level"], said[-1]["message"].split()[0]) == ("ERROR", "Failed"), said[-3:]


def test_without_a_collector_nothing_of_it_is_loaded() -> None:
    script = (
        "import sys\nfrom web_service.app import create_app\n"
        "create_app().test_client().get('/livez')\n"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))\n"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, timeout=300, check=False).returncode == 0
