"""Users at work for a long time, with kills in the first part: python -m benchmarks.load.soak, or `make soak`.

    SOAK_MINUTES=120 make soak

Starts the three services over a demo catalogue of their own. In the first third of the time a worker of each service
in turn is killed (SIGKILL) and each service is reloaded (SIGHUP) under load. In the rest nobody disturbs them, no
request may fail, and memory and file handles of every service must be flat: the median of the last quarter of that
time is compared with that of the first. Every half minute a line says how it stands. Ends with 1 when something grew
or failed, and with a table in any case.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import requests

from benchmarks.load.users import Load, Outcome, start
from tests.running import SERVICES, Running, build_demo

USERS = 16
_SCENES = 1_200
_DISTURBED_PART = 1 / 3
_SAMPLE_S, _TELL_S = 5.0, 30.0
_RELOAD_WITHIN_S = 400.0  # a new worker is given 300 s to be ready, an old one 20 s to finish
# What a heap does by itself: freed pieces between others. A leak of one small object a request is far beyond it.
_GROWTH, _GROWTH_MB = 0.10, 24.0
_GROWN_FILES = 8


@dataclass
class Samples:
    """Memory (megabytes of the processes' own) and file handles of one service, over time."""

    megabytes: list[float] = field(default_factory=list)
    handles: list[int] = field(default_factory=list)

    def take(self, pid: int) -> None:
        """Of a first process and its workers; what ends meanwhile is left out."""
        megabytes, handles = 0.0, 0
        master = psutil.Process(pid)
        for process in (master, *master.children(recursive=True)):
            try:
                megabytes += process.memory_full_info().uss / 1e6
                handles += process.num_fds()
            except psutil.NoSuchProcess:
                continue
        self.megabytes.append(megabytes)
        self.handles.append(handles)

    def ends(self, values: list[Any]) -> tuple[float, float]:
        """(median of the first quarter, median of the last)."""
        part = max(1, len(values) // 4)
        return statistics.median(values[:part]), statistics.median(values[-part:])

    def is_flat(self) -> bool:
        (memory, memory_after), (files, files_after) = self.ends(self.megabytes), self.ends(self.handles)
        allowed = max(_GROWTH * memory, _GROWTH_MB)
        return memory_after - memory <= allowed and files_after - files <= _GROWN_FILES


class Watch:
    """Says every half minute how it stands, takes samples where it is told to, and never waits without an end."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.begun = time.monotonic()
        self._told = self.begun

    def say(self, what: str) -> None:
        passed = int(time.monotonic() - self.begun)
        print(f"{passed // 60:4}:{passed % 60:02}  {what}", flush=True)

    def until(self, over: Callable[[], bool], load: Load, seconds: float, samples: dict[str, Samples]) -> bool:
        """Whether it came to be ``over`` within so many seconds."""
        deadline = time.monotonic() + seconds
        sampled = -math.inf
        while not over():
            now = time.monotonic()
            if now > deadline:
                return False
            if now - self._told >= _TELL_S:
                self._told = now
                self.say(self._standing(load))
            if samples and now - sampled >= _SAMPLE_S:
                sampled = now
                for service, taken in samples.items():
                    taken.take(self.running.pid(service))
            time.sleep(0.5)
        return True

    def _standing(self, load: Load) -> str:
        so_far = load.so_far()
        figures = "no figures yet"
        if so_far is not None:
            figures = f"{so_far.requests} requests, {so_far.failures} failed, {so_far.refused} told to come back"
        services = []
        for service in SERVICES:
            now = Samples()
            now.take(self.running.pid(service))
            number = len(_workers(self.running, service))
            services.append(f"{service} {now.megabytes[-1]:.0f} MB{'' if number == 1 else f' ({number} workers)'}")
        return f"{figures}; {self._readiness()}; {', '.join(services)}"

    def _readiness(self) -> str:
        try:
            answer = requests.get(f"{self.running.url}/readyz", timeout=10)
        except requests.RequestException as error:
            return f"/readyz: {type(error).__name__}"
        return "ready" if answer.status_code == 200 else f"not ready: {' '.join(answer.json()['reasons'])}"


def soak(running: Running, *, minutes: float, users: int, catalogue: str) -> bool:
    """Run all of it and print the table; whether nothing failed and nothing grew."""
    seconds = minutes * 60
    watch = Watch(running)
    watch.say(f"{minutes:g} minutes, {users} users; the first third with kills and reloads")
    disturbed = _disturbed(watch, seconds * _DISTURBED_PART, users, catalogue)
    watch.say("undisturbed from here on")
    samples = {service: Samples() for service in SERVICES}
    load = start(running.url, users=users, seconds=seconds * (1 - _DISTURBED_PART), catalogue=catalogue)
    watch.until(lambda: not load.goes_on, load, min(60.0, seconds * 0.1), {})  # caches fill
    watch.until(lambda: not load.goes_on, load, seconds, samples)
    outcome = load.finished()
    _table(disturbed, outcome, samples)
    if outcome.failures:
        print(outcome.report[-3_000:])
    return not outcome.failures and all(taken.is_flat() for taken in samples.values())


def _disturbed(watch: Watch, seconds: float, users: int, catalogue: str) -> Outcome:
    """Kills and reloads under load. Raises RuntimeError for a reload that does not come to its end."""
    running = watch.running
    load = start(running.url, users=users, seconds=seconds, catalogue=catalogue)
    steps = list(itertools.product(SERVICES, ("kill", "reload")))
    for number, (service, kind) in enumerate(steps):
        left = load.begun + seconds - time.monotonic()
        pause = max(5.0, left / (len(steps) - number + 2))
        if watch.until(lambda: not load.goes_on, load, pause, {}):
            watch.say(f"no time is left to {kind} {service}")
            continue
        before = _workers(running, service)
        if kind == "kill":
            for pid in before:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            watch.say(f"{kind} {service}")
            continue
        running.send(service, signal.SIGHUP)
        watch.say(f"{kind} {service}")
        begun = time.monotonic()
        if not watch.until(lambda: _replaced(running, service, before), load, _RELOAD_WITHIN_S, {}):  # noqa: B023
            raise RuntimeError(f"The reload does not end:\n{running.log(service)[-3_000:]}")
        watch.say(f"  new workers alone are left after {time.monotonic() - begun:.0f} s")
    watch.until(lambda: not load.goes_on, load, 2 * seconds, {})
    outcome = load.finished()
    running.wait_until_ready()
    return outcome


def _workers(running: Running, service: str) -> set[int]:
    return {child.pid for child in psutil.Process(running.pid(service)).children()}


def _replaced(running: Running, service: str, before: set[int]) -> bool:
    now = _workers(running, service)
    return bool(now) and not now & before


def _table(disturbed: Outcome, undisturbed: Outcome, samples: dict[str, Samples]) -> None:
    print(f"{'':12}{'requests':>10}{'failed':>8}{'refused':>9}{'p50 ms':>8}{'p99 ms':>8}")
    for name, got in (("disturbed", disturbed), ("undisturbed", undisturbed)):
        numbers = f"{got.requests:>10}{got.failures:>8}{got.refused:>9}{got.p50_ms:>8.0f}{got.p99_ms:>8.0f}"
        print(f"{name:12}{numbers}")
    print(f"\n{'undisturbed':12}{'MB first':>10}{'MB last':>9}{'files first':>13}{'files last':>12}")
    for service, taken in samples.items():
        (memory, memory_after), (files, files_after) = taken.ends(taken.megabytes), taken.ends(taken.handles)
        flat = "" if taken.is_flat() else "   grew"
        print(f"{service:12}{memory:>10.0f}{memory_after:>9.0f}{files:>13.0f}{files_after:>12.0f}{flat}", flush=True)


def main() -> int:
    """``SOAK_MINUTES`` (10) and ``SOAK_USERS`` (16) from the environment."""
    minutes, users = float(os.environ.get("SOAK_MINUTES", "10")), int(os.environ.get("SOAK_USERS", str(USERS)))
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        build_demo(Path(folder), count=_SCENES)
        with Running.over(Path(folder)) as running:
            return 0 if soak(running, minutes=minutes, users=users, catalogue="demo") else 1


if __name__ == "__main__":
    sys.exit(main())
