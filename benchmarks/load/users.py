"""Locust as a process of its own, without its page: so many users for so long, and what came of it."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

LOCUSTFILE = Path(__file__).with_name("locustfile.py")


@dataclass(frozen=True)
class Outcome:
    """What the users got. ``refused``: 503 with Retry-After; ``failures``: everything else that is not an answer."""

    requests: int
    failures: int
    refused: int
    p50_ms: float
    p99_ms: float
    report: str


def start(url: str, *, users: int, seconds: float, catalogue: str) -> subprocess.Popen[str]:
    """Begin; a fifth of the users come every second."""
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--host", url, "--headless", "--only-summary"]
    command += ["--users", str(users), "--spawn-rate", str(max(1.0, users / 5)), "--run-time", f"{seconds:.0f}s"]
    return subprocess.Popen(
        [*command, "--stop-timeout", "10"],
        env={"CATALOGUE": catalogue, "PATH": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> Outcome:
    """Wait for the end. Raises RuntimeError with Locust's own words when it tells nothing."""
    report, _ = process.communicate()
    told = re.search(r"LOAD requests=(\S+) failures=(\S+) refused=(\S+) p50_ms=(\S+) p99_ms=(\S+)", report)
    if told is None:
        raise RuntimeError(f"Locust ended without its figures:\n{report[-3_000:]}")
    numbers = [float(number) if number != "None" else 0.0 for number in told.groups()]
    return Outcome(int(numbers[0]), int(numbers[1]), int(numbers[2]), numbers[3], numbers[4], report)
