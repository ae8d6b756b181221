"""The Python client against the three services: whole answers, labels, files, and errors that say what was wrong."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from clip_branches.client import Client
from clip_branches.errors import ConfigurationError, InvalidInput, NotFound, ServiceUnavailable, UnknownCatalogue
from tests.conftest import SCENES
from tests.running import ROOT, Running, free_ports


def test_an_answer_is_read_whole_page_by_page(client: Client) -> None:
    seen: list[tuple[int, int | None]] = []
    answer = client.search("a boat", limit=5)
    hits = list(answer.every(page=500, progress=lambda done, of: seen.append((done, of))))
    assert len(answer) == len(hits) == SCENES
    assert [hit.id for hit in hits] == answer.ids()
    assert hits[:5] == answer.hits
    assert seen == [(500, SCENES), (1000, SCENES), (SCENES, SCENES)]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert list(answer) == hits


def test_labels_add_up_over_rounds(client: Client) -> None:
    boats = client.search("a boat")
    ids = boats.ids()
    first = boats.refine(positive=ids[:4], negative=ids[-3:])
    second = first.refine(positive=[ids[-1]], negative=ids[3:4])
    assert second.request.positive == [*ids[:3], ids[-1]]
    assert second.request.negative == [*ids[-3:-1], ids[3]]
    direct = client.search("a boat", positive=second.request.positive, negative=second.request.negative)
    assert direct.result_set == second.result_set
    assert second.why(ids[0]).total == second.total
    assert second.changes(first).since == first.result_set
    assert len(second.suggest(5).suggestions) == 5
    assert second.boxes().total == second.response.boxes_total
    with pytest.raises(InvalidInput, match="right or wrong"):
        first.refine(positive=ids[:1], negative=ids[:1])


def test_conditions_facets_and_captions(client: Client) -> None:
    answer = client.search("a boat")
    facet = next(column for column in answer.facets().columns if column.name == "style")
    value = facet.values[0]
    part = list(answer.every(where=[f"style:{value.value}"]))
    assert len(part) == value.count
    items = client.items([hit.id for hit in part[:250]])
    assert [item.id for item in items] == [hit.id for hit in part[:250]]
    assert {item.metadata["style"] for item in items} == {value.value}


def test_an_example_image_is_bytes_or_a_path(client: Client, demo_data: Path) -> None:
    first = client.search("a boat").items(0, 1)[0]
    path = next((demo_data / "sources").rglob(Path(first.source).name))
    by_path = client.search(image=path, limit=1)
    assert by_path.hits[0].id == first.id
    assert client.search(image=path.read_bytes(), limit=1).result_set == by_path.result_set
    with pytest.raises(InvalidInput, match="cannot be read"):
        client.search(image=path.with_name("nothing.png"))


def test_files_are_whole_or_absent(client: Client, tmp_path: Path) -> None:
    answer = client.search("a boat")
    told: list[int] = []
    size = answer.export(tmp_path / "boats.csv", progress=lambda done, of: told.append(done))
    content = (tmp_path / "boats.csv").read_bytes()
    assert size == len(content) == told[-1]
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert [int(row["id"]) for row in rows] == answer.ids()
    answer.export(tmp_path / "boats.parquet")
    assert (tmp_path / "boats.parquet").read_bytes()[:4] == b"PAR1"
    with pytest.raises(InvalidInput):
        answer.export(tmp_path / "part.csv", where=["nothing:here"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["boats.csv", "boats.parquet"]


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        ({"text": "x", "colour": "red"}, InvalidInput, "Known fields: text"),
        ({"text": "x", "limit": 0}, InvalidInput, "'limit'"),
        ({}, InvalidInput, "look for"),
        ({"image_id": 10**9}, InvalidInput, "image_id"),
        ({"text": "x", "catalogue": "nothing"}, UnknownCatalogue, "nothing"),
    ],
)
def test_errors_name_what_was_wrong(
    client: Client, fields: dict[str, object], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        client.search(**fields)  # type: ignore[arg-type]


def test_a_platform_that_is_not_there_is_said(services: Running) -> None:
    (port,) = free_ports(1)
    with pytest.raises(ServiceUnavailable, match="running platform"):
        Client(f"http://127.0.0.1:{port}", retries=0).catalogues()
    with pytest.raises(NotFound, match="nowhere"):
        Client(services.url, api="/nowhere", retries=0).catalogues()
    with pytest.raises(ConfigurationError, match="http"):
        Client("localhost:8080")
    with Client(services.url) as client, pytest.raises(NotFound, match=r"demo.*many|many.*demo"):
        client.search("a boat")  # there are two, and none was named


def test_what_is_away_for_a_moment_is_asked_again() -> None:
    calls: list[str] = []

    class Starting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            calls.append(self.path)
            ready = len(calls) > 2
            body = b'{"catalogues": []}' if ready else b'{"error": {"code": "service_unavailable", "message": "soon"}}'
            self.send_response(200 if ready else 503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Starting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        with Client(url, retries=1) as hasty, pytest.raises(ServiceUnavailable, match=r"^soon$"):
            hasty.catalogues()
        with Client(url, retries=3) as patient:
            assert patient.catalogues().catalogues == []
        assert len(calls) == 3
    finally:
        server.shutdown()
        server.server_close()


def test_importing_the_client_loads_nothing_heavy() -> None:
    heavy = ("torch", "numba", "numpy", "pandas", "flask", "PIL", "pyarrow", "tqdm")
    code = f"import clip_branches.client.commands, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
