"""Reloads and ends under load: requests go on, and none is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from tests.faults.fleet import NAME, Fleet, until

pytestmark = pytest.mark.slow
_AT_ONCE = 6
_REQUESTS = 300


@contextmanager
def load(*requests_of: Callable[[requests.Session, int], requests.Response]) -> Iterator[Counter[str]]:
    """Clients that keep asking, over kept-alive connections and new ones; what they got, by status or fault."""
    got: Counter[str] = Counter()
    slowest = [0.0]
    ended = threading.Event()

    def client(number: int) -> None:
        session = requests.Session()
        if number % 2:
            session.headers["Connection"] = "close"
        ask, asked = requests_of[number % len(requests_of)], 0
        while not ended.is_set():
            asked += 1
            started = time.monotonic()
            try:
                got[str(ask(session, number * 1_000_000 + asked).status_code)] += 1
            except requests.RequestException as error:
                got[repr(error)[:200]] += 1
            slowest[0] = max(slowest[0], time.monotonic() - started)
            time.sleep(0.02)

    clients = [threading.Thread(target=client, args=(number,)) for number in range(_AT_ONCE)]
    for one in clients:
        one.start()
    try:
        yield got
    finally:
        ended.set()
        for one in clients:
            one.join()
        got["slowest ms"] = round(slowest[0] * 1_000)


def workers(running: Fleet, service: str) -> set[int]:
    return {child.pid for child in psutil.Process(running.pid(service)).children()}


def reload(running: Fleet, service: str, number: int, took: dict[str, float]) -> None:
    """SIGHUP; returns when new workers alone are left, as many as there should be."""
    before, started = workers(running, service), time.monotonic()
    running.send(service, signal.SIGHUP)
    until(lambda: len(now := workers(running, service)) == number and not now & before)
    took[service] = time.monotonic() - started


def test_no_request_is_lost_by_reloads(
    fleet: Callable[..., Fleet], record_property: Callable[[str, object], None]
) -> None:
    running = fleet(DATA_WORKERS="2")
    kept = running.found(text="red", positive=[1, 2, 3], negative=[9])

    def search(session: requests.Session, number: int) -> requests.Response:
        body = {"text": f"picture {number}"}
        return session.post(f"{running.address('search')}/v1/catalogues/{NAME}/search", json=body, timeout=120)

    def image(session: requests.Session, number: int) -> requests.Response:
        path = f"/v1/catalogues/{NAME}/items/{1 + number % 240}/image?width=160"
        return session.get(running.address("data") + path, timeout=120)

    def page(session: requests.Session, number: int) -> requests.Response:
        return session.get(f"{running.url}/api/catalogues/{NAME}/results/{kept['result_set']}?limit=9", timeout=120)

    with load(search, image, page) as got:
        until(lambda: got["200"] > 50)
        took: dict[str, float] = {}
        numbers = {"search": 1, "data": 2, "web": 1}
        reloads = [threading.Thread(target=reload, args=(running, *one, took)) for one in numbers.items()]
        for one in reloads:
            one.start()
        for one in reloads:
            one.join()
        until(lambda: sum(got.values()) > _REQUESTS)
    record_property("got", dict(got))
    print(dict(got), took)  # noqa: T201 - the measured figures, shown by -s and on failure
    slowest = got.pop("slowest ms")
    assert set(got) == {"200"}, got
    assert set(took) == set(numbers), "a reload did not come to its end"
    assert slowest < 5_000  # nobody waits for a new worker to be ready
    assert running.found(text="red", positive=[1, 2, 3], negative=[9]) == kept


def test_settings_that_cannot_be_are_refused_and_nothing_ends(
    own_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reload reads config.json again; one that is wrong would end every worker and the service with them."""
    (tmp_path / "assets" / "data").mkdir(parents=True)
    config = tmp_path / "assets" / "data" / "config.json"
    config.write_text('{"thumbnail_quality": 80}')
    monkeypatch.setattr("tests.running.ROOT", tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    running = Fleet(own_data)
    running.start("data")
    try:
        running.becomes_ready("data")
        before = workers(running, "data")
        config.write_text('{"thumbnail_quality": 8000}')
        running.send("data", signal.SIGHUP)
        until(lambda: "The reload is refused" in running.log("data"))
        assert "'thumbnail_quality'" in running.log("data")
        picture = f"{running.address('data')}/v1/catalogues/{NAME}/items/1/image?width=160"
        assert requests.get(picture, timeout=60).status_code == 200
        assert workers(running, "data") == before
    finally:
        running.stop()


def test_a_first_process_goes_on_with_its_work_during_a_reload(running: Fleet) -> None:
    """Old and new workers are killed in the middle of it: in the end one new worker is left, and it serves."""
    before = workers(running, "search")
    running.send("search", signal.SIGHUP)
    until(lambda: workers(running, "search") - before)
    (new,) = workers(running, "search") - before
    os.kill(new, signal.SIGKILL)
    until(lambda: workers(running, "search") - before - {new})
    for old in before:
        with contextlib.suppress(ProcessLookupError):
            os.kill(old, signal.SIGKILL)
    until(lambda: len(now := workers(running, "search")) == 1 and not now & before)
    running.becomes_ready()
    assert running.search(text="after it").status_code == 200
    assert len(workers(running, "search")) == 1


def test_what_is_in_flight_is_answered_before_the_end(running: Fleet) -> None:
    """SIGTERM to each service: accepted requests are answered in full, then it ends with status 0."""
    before = arrived(running)
    codes: list[int] = []

    def ask(number: int) -> None:
        answer = running.search(
            positive=list(range(1 + number, 21 + number)), negative=[200 + number], model="ensemble"
        )
        codes.append(answer.status_code)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: arrived(running) - before == 4)
    running.send("search", signal.SIGTERM)
    running.send("web", signal.SIGTERM)
    for thread in threads:
        thread.join()
    assert codes == [200] * 4
    assert running.ended("search") == running.ended("web") == 0


def arrived(running: Fleet) -> float:
    """Searches that the search service has taken, answered or not."""
    figures = running.metrics("search")
    done = sum(value for name, value in figures.items() if name.startswith("http_requests_total") and "search" in name)
    return done + figures["http_requests_held"]
