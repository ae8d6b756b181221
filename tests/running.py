"""The three services as a user runs them: gunicorn on free ports, over a catalogue made by the real pipeline."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import requests

ROOT = Path(__file__).resolve().parents[1]
DEMO_MODEL = ROOT / "assets" / "models" / "demo" / "open_clip_config.json"
SERVICES = ("search", "data", "web")
READY_TIMEOUT_S = 300  # a search service that starts beside others on a busy machine compiles for minutes
_BUILD_TIMEOUT_S = 280


def build_demo(data_dir: Path, *, count: int, seed: int = 11) -> None:
    """A catalogue "demo" of ``count`` scenes below ``data_dir``, by the same command as `make demo`."""
    command = [sys.executable, "-m", "preprocessing", "demo", "--data-dir", str(data_dir)]
    command += ["--count", str(count), "--seed", str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_BUILD_TIMEOUT_S, check=False)
    if done.returncode:
        raise RuntimeError(f"The demo catalogue could not be built:\n{done.stdout}\n{done.stderr}")


class Running:
    """Search, data and web service over ``data_dir``; each can be stopped and started alone, on the same port."""

    def __init__(self, data_dir: Path, environment: Mapping[str, str] | None = None) -> None:
        """``environment``: variables for all three beside those that a test always sets."""
        self.data_dir = data_dir
        self._more = dict(environment or {})
        self._ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._logs = data_dir / "logs"
        self._logs.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        """Address of the page, without a slash at its end."""
        return self.address("web")

    def address(self, service: str) -> str:
        return f"http://127.0.0.1:{self._ports[service]}"

    def start(self, *services: str) -> None:
        """Starts the services (all by default) and returns at once."""
        for service in services or SERVICES:
            package = f"{service}_service"
            command = [sys.executable, "-m", "gunicorn", "-c", f"python:{package}.gunicorn_conf"]
            with (self._logs / f"{service}.log").open("ab") as log:
                self._processes[service] = subprocess.Popen(
                    [*command, f"{package}.app:create_app()"],
                    cwd=ROOT,
                    env=self._environment(),
                    stdout=log,
                    stderr=log,
                    # A group of its own: killing it kills the workers too, as a crash of the machine would.
                    start_new_session=True,
                )

    def wait_until_ready(self) -> None:
        """Returns when the web service says that all three can serve."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        last = "no answer"
        while time.monotonic() < deadline:
            ended = [name for name, process in self._processes.items() if process.poll() is not None]
            if ended:
                raise RuntimeError(f"The {ended[0]} service ended by itself:\n{self._tail(ended[0])}")
            try:
                answer = requests.get(f"{self.url}/readyz", timeout=3)
                last = answer.text
                if answer.status_code == 200:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.2)
        raise RuntimeError(f"The services were not ready after {READY_TIMEOUT_S} s: {last}\n{self._tail('search')}")

    @classmethod
    @contextlib.contextmanager
    def over(cls, data_dir: Path, environment: Mapping[str, str] | None = None) -> Iterator[Self]:
        """All three services, ready; stopped when the block ends."""
        running = cls(data_dir, environment)
        running.start()
        try:
            running.wait_until_ready()
            yield running
        finally:
            running.stop()

    def kill(self, service: str) -> None:
        """SIGKILL, master and workers: what the service held in memory is gone."""
        process = self._processes.pop(service)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def send(self, service: str, number: signal.Signals) -> None:
        """A signal to the service's first process alone."""
        self._processes[service].send_signal(number)

    def freeze(self, service: str, number: signal.Signals = signal.SIGSTOP) -> None:
        """Stops the processes of a service where they are (SIGSTOP), or lets them go on (SIGCONT)."""
        os.killpg(self._processes[service].pid, number)

    def pid(self, service: str) -> int:
        """Of the service's first process."""
        return self._processes[service].pid

    def log(self, service: str) -> str:
        """All that the service has written."""
        return (self._logs / f"{service}.log").read_text(errors="replace")

    def is_running(self, service: str) -> bool:
        """Whether the service was started and has not ended."""
        return service in self._processes and self._processes[service].poll() is None

    def ended(self, service: str, seconds: float = 60) -> int:
        """The status with which the service ends, once it has."""
        return self._processes[service].wait(timeout=seconds)

    def stop(self) -> None:
        """Ends all of them; one that is not done long after gunicorn's own limit of 20 s is killed."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._processes.clear()

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SEARCH_", "DATA_", "WEB_"))}
        ports = {f"{service.upper()}_PORT": str(port) for service, port in self._ports.items()}
        urls = {"WEB_SEARCH_URL": self.address("search"), "WEB_DATA_URL": self.address("data")}
        always = {"DATA_DIR": str(self.data_dir), "HF_HUB_OFFLINE": "1", "LOG_LEVEL": "WARNING"}
        return {**kept, **ports, **urls, **always, **self._more}

    def _tail(self, service: str) -> str:
        return self.log(service)[-3_000:]


def free_ports(count: int) -> list[int]:
    """Ports that are free now, all held open until all are known, so that none is given twice."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
