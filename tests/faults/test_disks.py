"""Disks that are full or read-only below answers, thumbnails and saved searches: real small disks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.faults.fleet import NAME, Fleet, remount, small_disk, until
from tests.running import SERVICES

pytestmark = pytest.mark.slow
LABELS = {"text": "red", "positive": [1, 2, 3], "negative": [9]}


def fill(folder: Path) -> Path:
    """Writes until there is no room for another byte."""
    path = folder / "filler"
    with path.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(64 * 1024)) or file.write(b"0")
    return path


def goes_on(running: Fleet, number: int) -> None:
    """Everything but saving: new searches, their later pages, pictures never seen before, what was saved."""
    answer = running.found(text=f"new {number}", positive=[1, number], negative=[100])
    page = f"{running.url}/api/catalogues/{NAME}/results/{answer['result_set']}"
    assert requests.get(f"{page}?offset=1&limit=5", timeout=60).status_code == 200
    assert requests.get(f"{page}/export?format=csv", timeout=60).status_code == 200
    for width in (80, 160, 320):
        assert running.image(number, width=width).status_code == 200
    assert running.saved() == ["before"]
    running.becomes_ready(*SERVICES)


def test_full_and_read_only_disks(own_data: Path, fleet: Callable[..., Fleet]) -> None:
    with contextlib.ExitStack() as stack:
        disks = [stack.enter_context(small_disk(own_data / name, "600k")) for name in ("answers", "cache", "saved")]
        running = fleet()
        known = running.found(**LABELS)
        assert running.save("before", known["result_set"]).status_code == 201

        fillers = [fill(disk) for disk in disks]

        def are_full() -> bool:
            """What is written behind a response, and then does not fit, leaves room again."""
            for disk in disks:
                fill(disk)
            free = running.metrics("data")['disk_free_bytes{folder="thumbnails"}']
            return free < 8192 and running.metrics("web")['disk_free_bytes{folder="saved"}'] < 8192

        until(are_full)
        goes_on(running, 20)
        refused = running.save("full", known["result_set"])
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "storage_error")
        assert "full" in refused.json()["error"]["message"]
        until(are_full)
        # What no disk holds is lost by no restart of the others: the request is asked again.
        for filler in fillers:
            filler.unlink()
        goes_on(running, 30)
        assert running.save("room again", known["result_set"]).status_code == 201
        assert (
            requests.delete(
                f"{running.url}/api/saved/searches/{_id_of(running, 'room again')}", json={"version": 1}, timeout=60
            ).status_code
            == 200
        )

        for disk in disks:
            remount(disk, "ro")
        goes_on(running, 40)
        refused = running.save("read-only", known["result_set"])
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "storage_error")
        # Also for services that are started over them.
        for service in ("search", "data", "web"):
            running.kill(service)
        running.start()
        running.wait_until_ready()
        goes_on(running, 50)
        assert running.found(**LABELS) == known
        for disk in disks:
            remount(disk, "rw")
        until(lambda: running.save("writable again", known["result_set"]).status_code == 201)
        running.stop()


def _id_of(running: Fleet, name: str) -> str:
    listed = requests.get(f"{running.url}/api/saved", timeout=60).json()["searches"]
    return next(entry["id"] for entry in listed if entry["name"] == name)
