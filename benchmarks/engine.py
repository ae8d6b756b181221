"""Speed and size of the engine: python -m benchmarks.engine [--rows 1e6|1e7|1e8] [--curve] [--http]

Codes are clustered, synthetic and mapped from --folder, which is removed at the end unless --keep is given. Peers are
measured in the same run. Prints a table in Markdown; --output appends it to a file. --curve adds smaller sizes, --http
a whole refine round over a real server, and 16 users at once.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.speed import http
from benchmarks.speed.codes import write_codes
from benchmarks.speed.measure import machine
from benchmarks.speed.work import Row, measure
from clip_branches.engine import BoxIndex
from clip_branches.engine.workers import Workers

_GOALS = {10**7: {"branch": 4, "hundred": 50, "linear": 25, "nearest": 15}}
_BUILD_GOALS = {10**7: 8, 10**8: 120}
_HEAVY = 10**7  # up to so many rows peers that hold floats or copies are measured too


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=float, default=1e6)
    parser.add_argument("--curve", action="store_true", help="also 1e5, 1e6, ... below --rows, without peers")
    parser.add_argument("--http", action="store_true", help="also a refine round over a real server")
    parser.add_argument("--brief", action="store_true", help="the scan as the only peer, fewer rounds: minutes less")
    parser.add_argument("--threads", type=int, default=2, help="threads that share a query")
    parser.add_argument("--folder", type=Path, help="where codes are made (40 bytes a row)")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--output", type=Path, help="a file that the tables are appended to")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="clip-branches-speed-"))
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    try:
        for line in _tables(options, folder):
            print(line, flush=True)
            lines.append(line)
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
        if options.output:
            with options.output.open("a", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")


def _tables(options: argparse.Namespace, folder: Path) -> Iterator[str]:
    rows = int(options.rows)
    yield f"{machine()}; {options.threads} threads\n"
    sizes = [size for size in (10**5, 10**6, 10**7) if size < rows] if options.curve else []
    for size in [*sizes, rows]:
        path = folder / f"codes-{size}.npy"
        if not path.exists():
            write_codes(path, size)
        yield from _built(path, folder, size, options.threads)
        index = BoxIndex.open(folder / f"boxes-{size}.cbx", verify=False, workers=Workers(options.threads))
        # The rows as the index stores them, to be the peers' catalogue too.
        codes = index.codes() if size <= _HEAVY else np.load(path, mmap_mode="r")
        heavy = size == rows <= _HEAVY
        yield from _table(
            measure(index, codes, scan=heavy, others=heavy and not options.brief, goals=_GOALS.get(size, {}))
        )
        del index, codes
    if options.http:
        yield from http.table(folder, rows, options.threads, brief=options.brief)


def _built(path: Path, folder: Path, size: int, threads: int) -> Iterator[str]:
    """Build in a process of its own, whose peak memory then is the build's."""
    target = folder / f"boxes-{size}.cbx"
    command = [sys.executable, "-m", "benchmarks.speed.building", str(path), str(target), str(threads)]
    facts = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    goal = f" (goal {_BUILD_GOALS[size]} s)" if size in _BUILD_GOALS else ""
    yield f"### {size:,} rows\n"
    yield (
        f"Built in {facts['seconds']:.1f} s{goal}, {facts['processor']:.1f} s of processor time; written in "
        f"{facts['written']:.1f} s; peak memory {facts['peak'] / facts['codes']:.1f} times the codes; "
        f"{target.stat().st_size / size + 8:.2f} bytes an image, 8 of them its id.\n"
    )


def _table(rows: Iterator[Row]) -> Iterator[str]:
    yield "| work | best ms | median ms | processor ms | what | peer | peer, best ms | times faster | goal ms |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for row in rows:
        peer = "" if row.peer_ms is None else f"{row.peer_ms:,.2f}"
        ratio = "" if row.peer_ms is None else f"{row.peer_ms / row.ours.best:,.1f}"
        goal = "" if row.goal is None else f"{row.goal:g} {'met' if row.ours.best <= row.goal else 'MISSED'}"
        ours = f"{row.ours.best:,.2f} | {row.ours.median:,.2f} | {row.ours.cpu:,.2f}"
        yield f"| {row.work} | {ours} | {row.note} | {row.peer} | {peer} | {ratio} | {goal} |"
    yield ""


if __name__ == "__main__":
    main()
