"""Locust as a process of its own, without its page: so many users for so long, and what came of it."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
STOP_WITHIN_S = 10
_END_WITHIN_S = 120
_FIGURES = re.compile(r"LOAD requests=(\S+) failures=(\S+) refused=(\S+) p50_ms=(\S+) p99_ms=(\S+)")


@dataclass(frozen=True)
class Outcome:
    """What the users got. ``refused``: 503 with Retry-After; ``failures``: everything else that is not an answer."""

    requests: int
    failures: int
    refused: int
    p50_ms: float
    p99_ms: float
    report: str


@dataclass(frozen=True)
class Load:
    """Users at work for ``seconds``. What Locust says goes to a file: nobody has to read it for Locust to go on."""

    process: subprocess.Popen[bytes]
    output: IO[bytes]
    seconds: float
    begun: float

    @property
    def goes_on(self) -> bool:
        return self.process.poll() is None

    def so_far(self) -> Outcome | None:
        """The figures that Locust has told last; it tells them every ten seconds."""
        self.output.seek(0)
        report = self.output.read().decode(errors="replace")
        told = list(_FIGURES.finditer(report))
        if not told:
            return None
        numbers = [float(number) if number != "None" else 0.0 for number in told[-1].groups()]
        return Outcome(int(numbers[0]), int(numbers[1]), int(numbers[2]), numbers[3], numbers[4], report)

    def finished(self) -> Outcome:
        """Wait for the end. Raises RuntimeError with Locust's own words when it ends early, never, or tells nothing."""
        left = self.begun + self.seconds + _END_WITHIN_S - time.monotonic()
        try:
            self.process.wait(timeout=max(1.0, left))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"Locust did not end {_END_WITHIN_S} s after its time:\n{self._words()}") from None
        if time.monotonic() - self.begun < self.seconds:
            raise RuntimeError(f"Locust ended before its time:\n{self._words()}")
        outcome = self.so_far()
        if outcome is None:
            raise RuntimeError(f"Locust ended without its figures:\n{self._words()}")
        self.output.close()
        return outcome

    def _words(self) -> str:
        self.output.seek(0)
        return self.output.read().decode(errors="replace")[-3_000:]


def start(url: str, *, users: int, seconds: float, catalogue: str) -> Load:
    """Begin; a fifth of the users come every second."""
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--host", url, "--headless", "--only-summary"]
    command += ["--users", str(users), "--spawn-rate", str(max(1.0, users / 5)), "--run-time", f"{seconds:.0f}s"]
    command += ["--stop-timeout", str(STOP_WITHIN_S)]
    output = tempfile.TemporaryFile()  # noqa: SIM115 - closed when its figures are read
    begun = time.monotonic()
    process = subprocess.Popen(
        command, env={"CATALOGUE": catalogue, "PATH": ""}, stdout=output, stderr=subprocess.STDOUT
    )
    return Load(process, output, seconds, begun)
