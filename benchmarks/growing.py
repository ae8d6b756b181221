"""What adding to a catalogue costs, beside building it: the command ``add`` with 1 % more images, and with none.

    python -m benchmarks.growing [--count 20000] [--share 0.01] [--model demo] [--json FILE]

Each command runs in a process of its own, as a user runs it; seconds are of processor time, children included, since
others may use the machine. Pictures are noise over smooth colours, JPEG files of 128 x 96.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (128, 96)


def draw(folder: Path, first: int, count: int) -> None:
    """Write ``count`` JPEG files and their captions' .txt files, a hundred a folder."""
    generator = np.random.default_rng(first)
    for number in range(first, first + count):
        path = folder / f"{number // 100:04d}" / f"{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(generator.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        coarse.resize(SIZE, Image.Resampling.BICUBIC).save(path, quality=85)
        path.with_suffix(".txt").write_text(f"picture number {number}\n", encoding="utf-8")


def run(*arguments: object) -> dict[str, float]:
    """Seconds that ``python -m preprocessing`` takes, of processor time and by the clock."""
    before, started = os.times(), time.perf_counter()
    command = [sys.executable, "-m", "preprocessing", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    for line in done.stdout.splitlines():
        print(f"    {line}")
    return {"processor_s": round(spent, 2), "s": round(time.perf_counter() - started, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--share", type=float, default=0.01)
    parser.add_argument("--model", default="demo")
    parser.add_argument("--keep", type=Path, help="folder to work in, and to leave")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    more = max(1, round(given.count * given.share))
    with tempfile.TemporaryDirectory(prefix="growing-") as name:
        folder = given.keep or Path(name)
        pictures, where = folder / "pictures", ("--data-dir", folder / "data")
        draw(pictures, 0, given.count)
        results = {"nothing": run("info", "--help")}
        results["build"] = run("build", pictures, "--name", "grown", "--model", given.model, *where)
        results["add none"] = run("add", "grown", *where)
        draw(pictures, given.count, more)
        results[f"add {more}"] = run("add", "grown", *where)
        draw(pictures, given.count + more, 1)
        results["add 1"] = run("add", "grown", *where)
    whole = results["build"]["processor_s"]
    for what, seconds in results.items():
        share = seconds["processor_s"] / whole
        print(f"{what:12} {seconds['processor_s']:8.2f} s of processor time ({share:6.2%} of the build), {seconds}")
    if given.json:
        given.json.write_text(json.dumps({"count": given.count, "runs": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
