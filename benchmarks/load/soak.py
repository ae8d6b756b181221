"""Users at work for a long time, with kills in the first part: python -m benchmarks.load.soak, or `make soak`.

    SOAK_MINUTES=120 make soak

Starts the three services over a demo catalogue of their own. In the first third of the time a worker of each service
in turn is killed (SIGKILL) and each service is reloaded (SIGHUP) under load. In the rest nobody disturbs them, no
request may fail, and memory and file handles of every service must be flat: the median of the last quarter of that
time is compared with that of the first. Ends with 1 when something grew or failed, and with a table in any case.
"""

from __future__ import annotations

import itertools
import os
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.load.users import Outcome, finished, start
from tests.running import SERVICES, Running, build_demo

USERS = 16
_SCENES = 1_200
_DISTURBED_PART = 1 / 3
_SAMPLE_S = 5.0
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


def soak(running: Running, *, minutes: float, users: int, catalogue: str) -> bool:
    """Run all of it and print the table; whether nothing failed and nothing grew."""
    seconds = minutes * 60
    print(f"{minutes:g} minutes, {users} users; the first third with kills and reloads", flush=True)
    disturbed = _disturbed(running, seconds * _DISTURBED_PART, users, catalogue)
    samples = {service: Samples() for service in SERVICES}
    load = start(running.url, users=users, seconds=seconds * (1 - _DISTURBED_PART), catalogue=catalogue)
    settle = time.monotonic() + min(60.0, seconds * 0.1)  # caches fill
    while load.poll() is None:
        time.sleep(_SAMPLE_S if seconds > 120 else 1.0)
        if time.monotonic() > settle:
            for service, taken in samples.items():
                taken.take(running.pid(service))
    outcome = finished(load)
    _table(disturbed, outcome, samples)
    if outcome.failures:
        print(outcome.report[-3_000:])
    return not outcome.failures and all(taken.is_flat() for taken in samples.values())


def _disturbed(running: Running, seconds: float, users: int, catalogue: str) -> Outcome:
    load = start(running.url, users=users, seconds=seconds, catalogue=catalogue)
    pause = max(5.0, seconds / 8)
    for service, kind in itertools.product(SERVICES, ("kill", "reload")):
        time.sleep(pause)
        if load.poll() is not None:
            break
        if kind == "reload":
            running.send(service, signal.SIGHUP)
        else:
            for worker in psutil.Process(running.pid(service)).children():
                worker.kill()
        print(f"  {kind} {service}", flush=True)
    outcome = finished(load)
    running.wait_until_ready()
    return outcome


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
