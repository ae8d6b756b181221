"""A refine round over HTTP: the real search service over a catalogue made of the benchmark's codes."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.catalogue import write_catalogue
from benchmarks.speed.measure import memory_of

_ROOT = Path(__file__).resolve().parents[2]
_NAME = "speed"
_GOALS = {(10**7, "auto"): 60, (10**7, "ensemble"): 250, (10**8, "auto"): 250, (10**8, "ensemble"): 700}
# (name, model, whether boxes come with the answer, rounds at the least)
_ROUNDS = (
    ("auto", "auto", True, 16),
    ("auto, boxes later", "auto", False, 16),
    ("ensemble", "ensemble", True, 6),
    ("ensemble, boxes later", "ensemble", False, 6),
)
_USERS, _EACH = 16, 2


def table(folder: Path, rows: int, threads: int, *, brief: bool) -> Iterator[str]:
    """Lines of the table: p50 and p99 of each model, their steps, 16 users at once, memory."""
    catalogue = write_catalogue(folder, rows, _NAME)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "DATA_DIR": str(folder / "data"),
        "MODELS_DIR": str(_ROOT / "assets" / "models"),
        "SEARCH_PORT": str(port),
        "SEARCH_ENGINE_THREADS": str(threads),
        "LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "python:search_service.gunicorn_conf"]
    server = subprocess.Popen([*command, "search_service.app:create_app()"], cwd=_ROOT, env=environment)
    try:
        _wait(port)
        worker = int(Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()[0])
        yield from _rounds(catalogue, rows, port, worker, 1 if brief else 3)
        used = memory_of(worker)
        yield f"\nMemory of the worker: {used['own']:.2f} GB of its own and {used['mapped']:.2f} GB of mapped files.\n"
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(folder / "data", ignore_errors=True)


def _rounds(catalogue: Any, rows: int, port: int, worker: int, share: int) -> Iterator[str]:
    yield f"### A refine round over HTTP, {rows:,} rows: 5 right, 5 wrong, 1,000 random unlabelled\n"
    steps = "train, query, explain, store"
    yield f"| model | p50 ms | p99 ms | processor ms a round | of p50: {steps} | images in the answer | goal p50 ms |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    single = 0.0
    for name, model, describe, least in _ROUNDS:
        count = least * share
        first = 0 if describe else 1_000  # other labels, so that no model is known already
        bodies = [_body(catalogue, seed, model, describe=describe) for seed in range(first - 3, first + count)]
        for body in bodies[:3]:
            _ask(port, body)
        before = _processor_ms(worker)
        answers = [_ask(port, body) for body in bodies[3:]]
        processor = (_processor_ms(worker) - before) / count
        times = [took for took, _ in answers]
        steps = ", ".join(
            f"{np.median([answer['timings_ms'].get(step, 0) for _, answer in answers]):.0f}"
            for step in ("train", "query", "explain", "store")
        )
        total = int(np.median([answer["total"] for _, answer in answers]))
        p50 = float(np.median(times))
        single = single or p50
        goal = _GOALS.get((rows, model))
        said = "" if goal is None else f"{goal} {'met' if p50 <= goal else 'MISSED'}"
        p99 = float(np.percentile(times, 99))
        yield f"| {name} | {p50:.0f} | {p99:.0f} | {processor:.0f} | {steps} | {total:,} | {said} |"
    before = _processor_ms(worker)
    with ThreadPoolExecutor(_USERS) as pool:
        bodies = [_body(catalogue, 10_000 + i, "auto") for i in range(_USERS * _EACH * share)]
        times = [took for took, _ in pool.map(lambda body: _ask(port, body), bodies)]
    processor = (_processor_ms(worker) - before) / len(bodies)
    p99 = float(np.percentile(times, 99))
    # The last of so many rounds cannot be ready before the cores have done the work of all of them.
    least = _USERS * processor / (os.cpu_count() or 1)
    said = f"p99 {p99 / single:.1f} times p50 alone; {_USERS} rounds keep the cores busy for {least:.0f} ms"
    yield f"| auto, {_USERS} users at once | {np.median(times):.0f} | {p99:.0f} | {processor:.0f} | | | {said} |"


def _body(catalogue: Any, seed: int, model: str, *, describe: bool = True) -> dict[str, Any]:
    """Labels as a user gives them: right ones near one image, wrong ones anywhere."""
    generator = np.random.default_rng(seed + 10)
    some = np.sort(generator.choice(catalogue.rows, 4_000, replace=False))
    codes = catalogue.codes(some).astype(int)
    order = np.argsort(((codes - codes[generator.integers(len(codes))]) ** 2).sum(axis=1))
    ids = catalogue.ids(some[order])
    return {
        "image_id": int(ids[0]),
        "positive": [int(i) for i in ids[1:6]],
        "negative": [int(i) for i in ids[generator.integers(1_000, 4_000, 5)]],
        "model": model,
        "describe": describe,
    }


def _processor_ms(pid: int) -> float:
    """Processor time of a process so far, in milliseconds; what a round costs, whoever else uses the machine."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1_000 / os.sysconf("SC_CLK_TCK")


def _ask(port: int, body: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/catalogues/{_NAME}/search",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    started = time.perf_counter()
    with urllib.request.urlopen(request, timeout=120) as response:
        content = response.read()
    return (time.perf_counter() - started) * 1_000, json.loads(content)


def _wait(port: int) -> None:
    until = time.monotonic() + 600
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as response:
                if response.status == 200:
                    return
        except OSError:
            time.sleep(0.5)
    raise TimeoutError("The search service was not ready within ten minutes.")
