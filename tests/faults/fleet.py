"""The three services as processes, and what a user and an operator ask of them."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.running import SERVICES, Running

NAME = "noise"
TIMEOUT_S = 12  # of the shared web service, for an answer of another one


class Fleet(Running):
    """Requests through the web service, as the page makes them."""

    def search(self, timeout: float = 60, **body: Any) -> requests.Response:
        return requests.post(f"{self.url}/api/catalogues/{NAME}/search", json=body, timeout=timeout)

    def found(self, **body: Any) -> dict[str, Any]:
        """The answer to a search that must succeed, without what differs from time to time."""
        answer = self.search(**body)
        assert answer.status_code == 200, answer.text
        return {name: value for name, value in answer.json().items() if name not in ("timings_ms", "reading")}

    def image(self, number: int, width: int = 160, timeout: float = 60) -> requests.Response:
        return requests.get(f"{self.url}/api/catalogues/{NAME}/items/{number}/image?width={width}", timeout=timeout)

    def save(self, name: str, result_set: str) -> requests.Response:
        body = {"name": name, "catalogue": NAME, "result_set": result_set}
        return requests.post(f"{self.url}/api/saved/searches", json=body, timeout=60)

    def saved(self) -> list[str]:
        """Names of the saved searches."""
        answer = requests.get(f"{self.url}/api/saved", timeout=60)
        assert answer.status_code == 200, answer.text
        return [entry["name"] for entry in answer.json()["searches"]]

    def ready(self, service: str = "web") -> list[str]:
        """Why the service says that it cannot serve; empty when it says it can."""
        answer = requests.get(f"{self.address(service)}/readyz", timeout=60)
        reasons: list[str] = answer.json()["reasons"]
        assert (answer.status_code == 200) == (not reasons)
        return reasons

    def becomes_ready(self, *services: str) -> None:
        """Until these say that they can serve. The web service waits little for the others, and on a busy machine
        may for a moment say that they do not answer."""
        until(lambda: all(self.ready(service) == [] for service in services or ("web",)))

    def restore(self) -> None:
        """Starts what a test has ended."""
        missing = [service for service in SERVICES if not self.is_running(service)]
        if missing:
            self.start(*missing)
        self.becomes_ready(*SERVICES)

    def metrics(self, service: str) -> dict[str, float]:
        """Every sample by its name and labels, as the service writes them."""
        text = requests.get(f"{self.address(service)}/metrics", timeout=60).text
        lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in lines}

    def lines(self, service: str) -> Iterator[dict[str, Any]]:
        """What the service has logged, each line of it JSON."""
        for line in self.log(service).splitlines():
            if line.startswith("{"):
                yield json.loads(line)


def until(condition: Callable[[], object], seconds: float = 200) -> None:
    """Returns when the condition holds; what requests raises counts as that it does not yet.

    ``seconds``: no machine is that slow; it bounds what would never come.
    """
    deadline = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline:
        try:
            last = condition()
            if last:
                return
        except (requests.RequestException, AssertionError) as error:
            last = error
        time.sleep(0.1)
    raise AssertionError(f"It did not come to pass within {seconds} s: {last}")


def clearly_away(answer: requests.Response, service: str) -> None:
    """A 503 in the one shape that names what is missing and says when to try again."""
    assert answer.status_code == 503, (answer.status_code, answer.text)
    assert service in answer.json()["error"]["message"]
    assert re.fullmatch(r"\d+", answer.headers["Retry-After"])


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of its own at ``folder``, of that many bytes; skips where none can be mounted."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def remount(folder: Path, mode: str) -> None:
    """``mode``: "ro" or "rw". It waits for who still writes there: answers are kept behind their responses."""
    command = ["mount", "-o", f"remount,{mode}", str(folder)]
    until(lambda: subprocess.run(command, capture_output=True, check=False).returncode == 0)
