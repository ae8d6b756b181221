"""Build one index and print what it took, as JSON: python -m benchmarks.speed.building CODES INDEX THREADS"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.speed.measure import memory_of, peak_memory
from clip_branches.engine import BLOCK_SIZE, BoxIndex
from clip_branches.engine.build import arrange, pack_rows
from clip_branches.engine.file import Parts, write_parts
from clip_branches.engine.workers import Workers


def main() -> None:
    source, target, threads = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    codes = np.load(source, mmap_mode="r")
    workers = Workers(threads)
    BoxIndex.build(np.asarray(codes[:5_000]), block_size=64, workers=workers)  # compiles
    before = sum(memory_of(os.getpid()).values())
    started, processor = time.perf_counter(), time.process_time()
    # As a catalogue is built: rows in index order, then the index of those; their order goes to the ids.
    rows, _ = arrange(np.asarray(codes), BLOCK_SIZE, workers)
    data, zone_low, zone_high = pack_rows(rows, BLOCK_SIZE, workers, in_place=True)
    seconds, processor = time.perf_counter() - started, time.process_time() - processor
    peak = (peak_memory() - before) * 1e9
    started = time.perf_counter()
    write_parts(target, Parts(len(codes), BLOCK_SIZE, zone_low, zone_high, np.zeros(0, np.int64), data))
    written = time.perf_counter() - started
    print(
        json.dumps({"seconds": seconds, "processor": processor, "written": written, "peak": peak, "codes": codes.size})
    )


if __name__ == "__main__":
    main()
