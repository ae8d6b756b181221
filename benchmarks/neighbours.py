"""The nearest images, exactly or nearly: python -m benchmarks.neighbours [--rows 1e6|1e7]

Our exact scan beside faiss: flat, IVF with 8 bits, IVF-PQ with fast scan whose candidates are re-scored, IVF with its
lists on disk. Recall of the 60 best (a row that scores as well as the 60th counts), median time on one core,
bytes an image, and what a query costs when the files are not in memory. Codes are those of ``benchmarks.engine``.
Prints a table in Markdown; --output appends it to a file. One thread throughout.
"""

from __future__ import annotations

import argparse
import functools
import gc
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.near.cold import cold, disk_speed
from benchmarks.near.inverted import LISTS, lists_for, make_inverted, open_on_disk
from benchmarks.speed.codes import World, direction_to, write_codes
from benchmarks.speed.measure import machine, timed
from clip_branches.engine import BoxIndex
from clip_branches.engine.workers import Workers

_K = 60
_COLD = 5
_TIMED = 20
_LISTS = (1, 4, 16, 64, 256)
_FLAT = 10**6  # up to so many rows faiss's flat index, 128 bytes a row, is measured as well
Rows = NDArray[np.int64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=float, default=1e6)
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--folder", type=Path, help="where codes and indexes are made (150 bytes a row)")
    parser.add_argument("--output", type=Path, help="a file that the table is appended to")
    options = parser.parse_args()
    faiss.omp_set_num_threads(1)
    folder = Path(tempfile.mkdtemp(prefix="clip-branches-near-", dir=options.folder))
    lines = []
    try:
        for line in _table(folder, int(options.rows), options.queries):
            print(line, flush=True)
            lines.append(line)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if options.output:
            with options.output.open("a", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")


def _table(folder: Path, rows: int, queries: int) -> Iterator[str]:
    path = folder / "boxes.cbx"
    BoxIndex.build(np.asarray(write_codes(folder / "codes.npy", rows)), workers=Workers(2)).save(path)
    (folder / "codes.npy").unlink()
    speed = disk_speed(path)
    some = direction_to(World().piece(0, 10_000), 0)

    def scan() -> Callable[[], Any]:
        fresh = BoxIndex.open(path, verify=False, workers=Workers(1))
        return lambda: fresh.nearest(some, _K)

    scan()()  # compiles
    scanned = cold([path], scan, _COLD)
    weights = yield from _warm(folder, path, rows, queries)
    gc.collect()  # what is mapped cannot be dropped from memory
    yield f"\nFiles not in memory ({speed:.1f} GB/s from this disk in one run):\n"
    yield "| way | lists read | ms | MB read |\n| --- | --- | --- | --- |"
    yield f"| **our scan, exact** | | {scanned.ms:.0f} | {scanned.megabytes:.0f} |"
    for lists in _LISTS:

        def listed(lists: int = lists) -> Callable[[], Any]:
            index = open_on_disk(folder, lists)
            return lambda: index.search(weights[None], _K)

        found = cold([folder / LISTS], listed, _COLD)
        yield f"| IVF, 8 bits, lists on disk | {lists} | {found.ms:.1f} | {found.megabytes:.1f} |"


def _warm(folder: Path, path: Path, rows: int, queries: int) -> Generator[str, None, NDArray[np.float32]]:
    """The table of what is in memory; returns one of the queries."""
    ours = BoxIndex.open(path, verify=False, workers=Workers(1))
    codes = ours.codes()
    weights = [direction_to(codes, seed) for seed in range(queries)]
    least = [float(ours.nearest(one, _K)[1].min()) for one in weights]
    yield f"{machine()}; one thread\n"
    yield f"### {rows:,} rows, {_K} nearest, {queries} queries, {lists_for(rows):,} lists\n"
    yield "| way | lists read | recall | of the worst query | ms | cpu ms | bytes an image | built in, cpu s |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"

    def row(name: str, lists: str, ask: Callable[[NDArray[np.float32]], Rows], held: float, built: str) -> str:
        found = [_recall(ours, one, ask(one), bound) for one, bound in zip(weights, least, strict=True)]
        took = [timed(lambda one=one: ask(one), least=3, seconds=0.02) for one in weights[:_TIMED]]
        wall, cpu = np.median([t.median for t in took]), np.median([t.cpu for t in took])
        quality = f"{np.mean(found):.4f} | {min(found):.3f}"
        return f"| {name} | {lists} | {quality} | {wall:.2f} | {cpu:.2f} | {held:.1f} | {built} |"

    yield row("**our scan, exact**", "", lambda one: ours.nearest(one, _K)[0], path.stat().st_size / rows, "")
    if rows <= _FLAT:
        flat = faiss.IndexFlatIP(32)
        flat.add(codes.astype(np.float32))
        yield row("faiss flat, exact", "", lambda one: flat.search(one[None], _K)[1][0], 128, "")
        del flat
    for made in make_inverted(codes, ours, folder):
        for lists in _LISTS:
            ask = functools.partial(made.nearest, k=_K, lists=lists)
            yield row(made.name, str(lists), ask, made.bytes_a_row, f"{made.built_s:.0f}")
    return weights[0]


def _recall(ours: BoxIndex, weights: NDArray[np.float32], rows: Rows, least: float) -> float:
    """The share of ``rows`` that score as well as the last of the true nearest."""
    rows = np.unique(rows[rows >= 0])
    return float((ours.score(rows, weights) >= least).sum() / _K)


if __name__ == "__main__":
    main()
