"""Times and memory of one piece of work, and the machine they were taken on."""

from __future__ import annotations

import os
import platform
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Timed:
    """Milliseconds of one run: the best and the median of several, and the processor time of the one with least."""

    best: float
    median: float
    cpu: float
    result: Any


def timed(work: Callable[[], Any], *, seconds: float = 1.0, least: int = 5, most: int = 200) -> Timed:
    """Run ``work`` for about ``seconds``, ``least`` to ``most`` times, after one run that does not count."""
    result = work()
    walls: list[float] = []
    cpus: list[float] = []
    until = time.perf_counter() + seconds
    while len(walls) < least or (time.perf_counter() < until and len(walls) < most):
        cpu, wall = time.process_time(), time.perf_counter()
        result = work()
        walls.append((time.perf_counter() - wall) * 1_000)
        cpus.append((time.process_time() - cpu) * 1_000)
    return Timed(min(walls), float(np.median(walls)), min(cpus), result)


def machine() -> str:
    """Processor, cores and load, in words."""
    model = platform.processor() or "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} when this began"


def memory_of(pid: int) -> dict[str, float]:
    """Resident gigabytes of a process: of its own, and of mapped files."""
    values = {}
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name in ("RssAnon", "RssFile", "RssShmem"):
            values[name] = int(rest.split()[0]) * 1_024 / 1e9
    return {"own": values["RssAnon"] + values.get("RssShmem", 0.0), "mapped": values["RssFile"]}


def peak_memory() -> float:
    """Most resident gigabytes of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024 / 1e9
