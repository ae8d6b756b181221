"""Files that are not in memory: what a query costs where a catalogue does not fit."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Cold:
    """Median milliseconds of opening the files and one query, and the megabytes that it read from the disk."""

    ms: float
    megabytes: float


def cold(files: list[Path], opened: Callable[[], Callable[[], Any]], times: int) -> Cold:
    """Ask ``times`` times, each after ``files`` were dropped from memory; ``opened`` maps them and gives the query."""
    walls, read = [], []
    for _ in range(times):
        gc.collect()
        for path in files:
            drop(path)
        # Opening counts: the system reads ahead of the first bytes that are touched.
        before, started = _bytes_read(), time.perf_counter()
        query = opened()
        query()
        walls.append((time.perf_counter() - started) * 1_000)
        read.append((_bytes_read() - before) / 1e6)
        del query  # what is mapped cannot be dropped
    return Cold(float(np.median(walls)), float(np.median(read)))


def drop(path: Path) -> None:
    """Have the system forget its copy of the file's bytes."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def disk_speed(path: Path) -> float:
    """Gigabytes a second of reading the file in one run, from the disk."""
    drop(path)
    started, size = time.perf_counter(), 0
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(1 << 24):
            size += len(chunk)
    return size / 1e9 / (time.perf_counter() - started)


def _bytes_read() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("read_bytes"))
