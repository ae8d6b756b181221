"""Shards as processes of one machine: each holds a part of the rows, and all are asked at once."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.work import engine_over
from clip_branches.engine import BoxIndex
from clip_branches.engine.workers import Workers

HEAD = 256  # images that a round names at the most


@dataclass(frozen=True)
class Round:
    """Milliseconds of a round: until the last shard had answered, and of each shard its own wall and processor time."""

    ms: float
    walls: list[float]
    cpus: list[float]


def write_shards(codes: NDArray[np.uint8], count: int, folder: Path) -> list[Path]:
    """An index file for each of ``count`` equal parts of ``codes``."""
    paths = []
    for number, part in enumerate(np.array_split(codes, count)):
        paths.append(folder / f"shard-{number}-of-{count}.cbx")
        BoxIndex.build(np.ascontiguousarray(part), workers=Workers(2)).save(paths[-1])
    return paths


@contextlib.contextmanager
def running(paths: list[Path]) -> Iterator[list[Connection]]:
    """A process for each index, with one thread; ended when the block does."""
    context = multiprocessing.get_context("spawn")
    started, ends = [], []
    for path in paths:
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(path, there), daemon=True)
        process.start()
        started.append(process)
        ends.append(here)
    try:
        for end in ends:
            end.recv()
        yield ends
    finally:
        for end, process in zip(ends, started, strict=True):
            end.send(None)
            process.join(10)


def ask(ends: list[Connection], rule: Any, boxes: Any) -> Round:
    """One round: the same survey on all shards."""
    began = time.perf_counter()
    for end in ends:
        end.send((rule, boxes))
    told = [end.recv() for end in ends]
    took = (time.perf_counter() - began) * 1_000
    return Round(took, [wall for wall, _, _ in told], [cpu for _, cpu, _ in told])


def _serve(path: Path, end: Connection) -> None:
    engine = engine_over(BoxIndex.open(path, verify=False, workers=Workers(1)))
    end.send("ready")
    while (asked := end.recv()) is not None:
        wall, cpu = time.perf_counter(), time.process_time()
        found = engine.surveyed(*asked, HEAD)
        took = (time.perf_counter() - wall) * 1_000, (time.process_time() - cpu) * 1_000
        end.send((*took, sum(one.total for one in found)))
