"""The services as they run: gunicorn processes on real ports, killed, overloaded, and stopped in mid-request."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.many import build_many
from tests.services.conftest import IMAGES, NAME
from tests.services.slow_clients import metric, wait_until

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


class Process:
    """One service under gunicorn, on a port that stays the same when it is started again."""

    def __init__(self, service: str, data_dir: Path, models_dir: Path, **settings: object) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        self.service, self.url = service, f"http://127.0.0.1:{port}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SEARCH_", "DATA_", "WEB_"))}
        changes = {
            f"{service.upper()}_{name.upper()}": str(value) for name, value in {"port": port, **settings}.items()
        }
        folders = {"DATA_DIR": str(data_dir), "MODELS_DIR": str(models_dir)}
        self._environment = {**kept, **folders, **changes, "HF_HUB_OFFLINE": "1"}
        self.log = data_dir.parent / f"{service}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        package = f"{self.service}_service"
        command = [sys.executable, "-m", "gunicorn", "-c", f"python:{package}.gunicorn_conf"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, f"{package}.app:create_app()"],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self, path: str = "/readyz", seconds: float = 300) -> float:
        """Until ``path`` answers 200; how long that took, in seconds."""
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            try:
                if requests.get(self.url + path, timeout=60).status_code == 200:
                    return time.monotonic() - started
            except requests.RequestException:
                pass
            time.sleep(0.05)
        raise TimeoutError(self.log.read_text()[-3_000:])

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("The service was never started.")
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            if number == signal.SIGKILL:
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)

    def ended(self, seconds: float = 120) -> int:
        if self._process is None:
            raise RuntimeError("The service was never started.")
        return self._process.wait(timeout=seconds)

    def search(self, name: str = NAME, **body: Any) -> dict[str, Any]:
        answer = requests.post(f"{self.url}/v1/catalogues/{name}/search", json=body, timeout=120)
        answer.raise_for_status()
        return dict(answer.json())


@pytest.fixture
def start(own_data: Path, tiny_models: Path) -> Iterator[Callable[..., Process]]:
    processes: list[Process] = []

    def one(service: str, **settings: object) -> Process:
        process = Process(service, own_data, tiny_models, **settings)
        processes.append(process)
        process.start()
        return process

    yield one
    for process in processes:
        process.send(signal.SIGKILL)


def heavy(name: str, seed: int) -> dict[str, Any]:
    ids = list(range(1 + seed * 40, 31 + seed * 40))
    return {"name": name, "positive": ids[:20], "negative": ids[20:], "model": "ensemble", "seed": seed}


def test_an_answer_outlives_the_process_that_gave_it(start: Callable[..., Process], own_data: Path) -> None:
    build_many(own_data, own_data / "catalogues" / NAME, count=50_000)
    service = start("search")
    service.wait()
    first = service.search(text="red", positive=[1, 2, 3], negative=[9], limit=1000)
    in_flight = [threading.Thread(target=_ignored, args=(service, heavy("many", seed))) for seed in range(4)]
    for thread in in_flight:
        thread.start()
    wait_until(lambda: metric(service.url, "http_requests_held") > 0 or not any(t.is_alive() for t in in_flight))
    service.send(signal.SIGKILL)
    service.ended()
    for thread in in_flight:
        thread.join()
    service.start()
    service.wait()
    page = requests.get(
        f"{service.url}/v1/catalogues/{NAME}/results/{first['result_set']}?limit=1000", timeout=120
    ).json()
    assert (page["total"], page["hits"]) == (first["total"], first["hits"])
    again = service.search(text="red", positive=[1, 2, 3], negative=[9], limit=1000)
    # The stored answer took other times, and nothing was read for it again.
    assert again["reading"] is None
    assert {**again, "timings_ms": None, "reading": None} == {**first, "timings_ms": None, "reading": None}
    # What was cut off half-way is answered whole now.
    whole = service.search(**heavy("many", 0), limit=1000)
    assert len({hit["id"] for hit in whole["hits"]}) == min(1000, whole["total"])


def _ignored(service: Process, body: dict[str, Any]) -> None:
    try:
        service.search(**body)
    except requests.RequestException:
        return


def test_the_health_check_never_waits_for_searches(start: Callable[..., Process], own_data: Path) -> None:
    build_many(own_data, own_data / "catalogues" / NAME)
    service = start("search", threads=12)
    service.wait()
    statuses: list[int] = []
    took: list[float] = []

    def ask(seed: int) -> None:
        body = heavy("many", seed)
        url = f"{service.url}/v1/catalogues/{body.pop('name')}/search"
        begun = time.monotonic()
        statuses.append(requests.post(url, json=body, timeout=200).status_code)
        took.append(time.monotonic() - begun)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(24)]
    for thread in threads:
        thread.start()
    waits = []
    while any(thread.is_alive() for thread in threads):
        begun = time.monotonic()
        assert requests.get(f"{service.url}/livez", timeout=200).status_code == 200
        waits.append(time.monotonic() - begun)
        time.sleep(0.02)
    # A handler that blocks the check makes each wait for whole searches. A machine that stands still once, or is slow,
    # makes one check wait, or all in proportion.
    assert len(waits) > 2
    assert sorted(waits)[-2] < max(1.5, max(took) / 2)
    # Some may have been told to come back; none failed.
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) >= 11
    assert service.search(**heavy("many", 3))["total"] >= 0


def test_alive_long_before_ready(start: Callable[..., Process]) -> None:
    service = start("search")
    alive = service.wait("/livez")
    assert requests.get(f"{service.url}/readyz", timeout=60).status_code in (200, 503)
    ready = alive + service.wait()
    assert alive < max(15, 0.7 * ready)


@pytest.mark.parametrize("service", ["search", "data"])
def test_a_request_in_flight_is_finished_before_the_end(start: Callable[..., Process], service: str) -> None:
    process = start(service)
    process.wait()
    answers: list[int] = []
    path = f"/v1/catalogues/{NAME}/items/5/image?width=160" if service == "data" else "/v1/catalogues"

    def ask() -> None:
        if service == "search":
            process.search(positive=[1, 2, 3], negative=[4], model="ensemble")
        answers.append(requests.get(process.url + path, timeout=120).status_code if service == "data" else 200)

    thread = threading.Thread(target=ask)
    thread.start()
    route = "/v1/catalogues/<name>/" + ("items/<int:id>/image" if service == "data" else "search")
    # Taken, and perhaps answered already: what comes after the signal is another's to answer.
    wait_until(
        lambda: metric(process.url, "http_requests_held") + metric(process.url, "http_requests_total", route=route) > 0
    )
    process.send(signal.SIGTERM)
    thread.join()
    assert process.ended() == 0
    assert answers == [200]


def test_limits_over_a_real_connection(start: Callable[..., Process]) -> None:
    search, data = start("search"), start("data")
    search.wait()
    data.wait()
    answer = requests.post(
        f"{search.url}/v1/catalogues/{NAME}/search",
        data=b'{"image": "' + b"A" * (29 * 1024 * 1024) + b'"}',
        headers={"Content-Type": "application/json"},
        timeout=120,
    )
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too_large"
    ids = ",".join(str(2**62 + number) for number in range(1_000))
    items = requests.get(f"{data.url}/v1/catalogues/{NAME}/items", params={"ids": ids}, timeout=120)
    assert len(items.json()["missing"]) == 1_000


def test_two_workers_share_their_answers(start: Callable[..., Process]) -> None:
    service = start("search", workers=2)
    service.wait()
    # Each worker loads by itself, and a single one can answer all that /readyz is asked.
    deadline = time.monotonic() + 300
    while service.log.read_text().count("catalogue opened") < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    service.wait()
    answers = [service.search(text=f"picture {number}", limit=1000) for number in range(12)]
    for answer in answers * 2:
        url = f"{service.url}/v1/catalogues/{NAME}/results/{answer['result_set']}?limit=1000"
        page = requests.get(url, timeout=120, headers={"Connection": "close"}).json()
        assert page["hits"] == answer["hits"]
        assert page["total"] == IMAGES
