"""Limits of the running services: how long a request, how many at once, how long they take, and who still waits."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from clip_branches.service.gunicorn import HEADER_BYTES, HEADERS, REQUEST_LINE
from tests.many import build_many
from tests.services.conftest import NAME
from tests.services.slow_clients import answer_to, connect, cpu_seconds, metric, request_of, wait_until
from tests.services.test_gunicorn import Process, heavy

pytestmark = pytest.mark.slow
SEARCH = f"/v1/catalogues/{NAME}/search"
Starting = Callable[..., Process]


@pytest.fixture(scope="module")
def data_dir(noise_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the data folder, with "many": 60,000 images."""
    folder = tmp_path_factory.mktemp("limits") / "data"
    shutil.copytree(noise_data, folder, ignore=shutil.ignore_patterns("answers", "cache"))
    build_many(folder, folder / "catalogues" / NAME, count=60_000)
    return folder


@pytest.fixture(scope="module")
def start(data_dir: Path, tiny_models: Path) -> Iterator[Starting]:
    """Starts a service, or gives the one that runs with the same settings: every test leaves it with nothing to do."""
    processes: dict[str, Process] = {}

    def one(service: str, **settings: object) -> Process:
        key = f"{service} {settings}"
        if key not in processes:
            processes[key] = Process(service, data_dir, tiny_models, **settings)
            processes[key].start()
        return processes[key]

    yield one
    for process in processes.values():
        process.send(signal.SIGKILL)


def test_requests_beyond_the_limits_of_their_form_are_refused(start: Starting) -> None:
    data = start("data")
    data.wait("/livez")
    ids = ",".join(str(2**62 + number) for number in range(1_000))
    path = f"/v1/catalogues/{NAME}/items?ids={ids.replace(',', '%2C')}"
    assert len(path) < REQUEST_LINE
    long = "x" * REQUEST_LINE
    many = "".join(f"X-{number}: 1\r\n" for number in range(HEADERS + 1))
    for sent, said in [
        (request_of("GET", path, more="Connection: close\r\n"), ("200", "503")),  # 503: it may still be starting
        (request_of("GET", f"/livez?{long}"), ("414",)),
        (b"GET /" + long.encode() * 2, ("414",)),  # a line that never ends is not waited for
        (request_of("GET", "/livez", more=many), ("431", "400")),
        (request_of("GET", "/livez", more=f"X-Long: {'x' * HEADER_BYTES}\r\n"), ("431", "400")),
        (request_of("GET", "/livez", more="X-A: 1\nX-B: 2\r\n"), ("400",)),
        (request_of("GET", "/livez", more="Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), ("400",)),
    ]:
        with connect(data.url) as line:
            line.sendall(sent)
            answer = answer_to(line)
        assert answer.split(" ", 2)[1] in said, (sent[:80], answer[:200])
        if said != ("200", "503"):
            error = json.loads(answer.partition("\r\n\r\n")[2])["error"]
            assert {"code", "message"} <= error.keys(), error
    assert requests.get(f"{data.url}/livez", timeout=60).ok


def test_a_client_that_never_closes_keeps_nobody_waiting(start: Starting) -> None:
    """Who is refused and stays connected: to linger for each, one after another, would take sixty seconds."""
    data = start("data")
    data.wait("/livez")
    rude = [connect(data.url) for _ in range(30)]
    begun = time.monotonic()
    try:
        for line in rude:
            line.sendall(b"NONSENSE\r\n\r\n")
        for line in rude:
            assert line.recv(1_000)  # each is told; none is done
        assert requests.get(f"{data.url}/livez", timeout=120).ok
        assert time.monotonic() - begun < 20
    finally:
        for line in rude:
            line.close()


@pytest.mark.parametrize("service", ["search", "web"])
def test_more_requests_than_places_are_told_to_come_back(start: Starting, service: str) -> None:
    process = start(service, threads=2, waiting=3, wait_s=500, receive_s=500)
    process.wait("/livez")
    path = SEARCH if service == "search" else f"/api/catalogues/{NAME}/search"
    held = [connect(process.url) for _ in range(9)]
    try:
        for line in held:  # a body that is never whole: two hold the places, three wait
            line.sendall(request_of("POST", path, b'{"text"', length=100))
        wait_until(lambda: metric(process.url, "http_requests_held") == 5)
        wait_until(lambda: metric(process.url, "http_requests_total", status="503") >= 4)
        answer = requests.post(process.url + path, json={"text": "red"}, timeout=60)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert answer.json()["error"]["code"] == "service_unavailable"
        assert requests.get(f"{process.url}/livez", timeout=60).ok
        assert metric(process.url, "http_requests_waiting") == 3
    finally:
        for line in held:
            line.close()
    wait_until(lambda: metric(process.url, "http_requests_held") == 0)


def test_the_data_service_tells_more_than_it_can_to_come_back(start: Starting) -> None:
    data = start("data", threads=1, waiting=1, wait_s=500)
    data.wait()
    statuses: list[int] = []

    def look(item: int) -> None:
        url = f"{data.url}/v1/catalogues/{NAME}/items/{item}/image?width=320"
        statuses.append(requests.get(url, timeout=120).status_code)

    for first in range(1, 200, 24):
        threads = [threading.Thread(target=look, args=(item,)) for item in range(first, first + 24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if {200, 503} <= set(statuses):
            break
    assert set(statuses) == {200, 503}
    wait_until(lambda: metric(data.url, "http_requests_held") == 0)


def test_a_client_that_sends_too_slowly_is_cut_off(start: Starting) -> None:
    search = start("search", receive_s=1)
    search.wait("/livez")
    with connect(search.url) as head, connect(search.url) as body:
        head.sendall(b"GET /livez HTTP/1.1\r\nHost:")
        body.sendall(request_of("POST", SEARCH, b'{"text', length=50))
        for _ in range(4):  # each byte comes well in time: it is the whole that counts
            time.sleep(0.3)
            with contextlib.suppress(OSError):  # cut off already, where this thread had to wait
                head.sendall(b"x")
        # Without a limit both would last for ever.
        assert answer_to(head) == ""
        assert answer_to(body).startswith("HTTP/1.1 400")
    wait_until(lambda: metric(search.url, "http_requests_held") == 0)


def test_a_client_that_reads_too_slowly_is_cut_off(start: Starting) -> None:
    search = start("search", receive_s=1)
    search.wait()
    result_set = search.search("many", text="red")["result_set"]
    path = f"/v1/catalogues/many/results/{result_set}/export?format=json"
    whole = len(requests.get(search.url + path, timeout=120).content)
    with connect(search.url) as line:
        line.sendall(request_of("GET", path))
        received = len(line.recv(1_000))
        wait_until(lambda: metric(search.url, "http_requests_held") == 0)  # else for ever
        assert received + len(answer_to(line)) < whole


def test_work_that_takes_too_long_is_stopped(start: Starting) -> None:
    search = start("search", request_s=0.01)
    search.wait()
    answer = requests.post(
        search.url + SEARCH, json={"positive": [1, 2, 3], "negative": [4], "model": "ensemble"}, timeout=120
    )
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "time_limit"
    assert "Retry-After" in answer.headers


def test_an_export_ends_with_its_client(start: Starting, data_dir: Path) -> None:
    """A zip of images that all have to be looked for, and are not there: nothing is ever sent that could fail."""
    search = start("search")
    search.wait()
    result_set = search.search("many", text="red")["result_set"]
    (data_dir / "sources" / "many" / "same.png").write_bytes(b"another file" * 100_000)
    with connect(search.url) as line:
        line.sendall(request_of("GET", f"/v1/catalogues/many/results/{result_set}/export?format=zip"))
        wait_until(lambda: metric(search.url, "http_requests_held") == 1)
        time.sleep(0.5)
        assert metric(search.url, "http_requests_held") == 1  # it would have gone on
    _assert_rests(search)


def test_searches_end_with_their_clients(start: Starting) -> None:
    """Also those that came by way of the web service, which waits for the answer on their behalf."""
    search = start("search")
    web = start("web", search_url=search.url)
    search.wait()
    web.wait("/livez")
    search.search(**heavy("many", 90))
    seeds = itertools.count(1)
    for url, path in ((search.url, "/v1/catalogues/many/search"), (web.url, "/api/catalogues/many/search")):
        # At most those that had a core already were answered; nobody did the work of the others. Where this process
        # stood still for long, all were answered before it hung up: then it asks again.
        assert any(_cancelled(search, url + path, seeds) >= 4 for _ in range(8))
    wait_until(lambda: metric(web.url, "http_requests_held") == 0)


def _cancelled(search: Process, url: str, seeds: Iterator[int]) -> float:
    """Eight searches whose clients hang up as soon as they are there; how many of them ended with that."""

    def ended(status: str) -> float:
        return metric(search.url, "http_requests_total", route="/v1/catalogues/<name>/search", status=status)

    answered, cancelled = ended("200"), ended("499")
    lines = [connect(url) for _ in range(8)]
    for line in lines:
        body = heavy("many", next(seeds))
        body.pop("name")
        line.sendall(request_of("POST", urlsplit(url).path, json.dumps(body).encode()))
    wait_until(lambda: ended("200") - answered + metric(search.url, "http_requests_held") > 4)
    for line in lines:
        line.close()
    _assert_rests(search)
    return ended("499") - cancelled


def _assert_rests(process: Process) -> None:
    """The service does nothing any more: no request is held, and no processor time is used.

    What goes on without its client takes a minute and more: the limits are far below that, on any machine.
    """
    wait_until(lambda: metric(process.url, "http_requests_held") == 0, 25)
    wait_until(lambda: _used(process) < 0.15, 25)


def _used(process: Process) -> float:
    """Processor seconds of half a second."""
    before = cpu_seconds(process.pid)
    time.sleep(0.5)
    return cpu_seconds(process.pid) - before
