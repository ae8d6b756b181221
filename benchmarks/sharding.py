"""A round on 1, 2 and 4 shards of one machine: python -m benchmarks.sharding [--rows 1e7]

Each shard is a process with one thread and a part of the rows; a round is one survey (accepted images counted, the best
256 named, 12 boxes counted) on all of them at once. Prints a table; --output keeps every measured time as JSON, which
``benchmarks.projection`` takes. Codes are those of ``benchmarks.engine``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scale import on_ray
from benchmarks.scale.shards import ask, running, write_shards
from benchmarks.speed.codes import boxes_around, direction_to, write_codes
from benchmarks.speed.measure import machine
from clip_branches.engine import LinearScorer
from clip_branches.engine.explain import Rule


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=float, default=1e6)
    parser.add_argument("--shards", default="1,2,4", help="such as 1,2,4")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--ray", action="store_true", help="also on a Ray cluster of this machine")
    parser.add_argument("--folder", type=Path, help="where codes and indexes are made (80 bytes a row)")
    parser.add_argument("--output", type=Path, help="a JSON file of all times")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="clip-branches-shards-", dir=options.folder))
    kept: list[dict[str, Any]] = []
    try:
        counts = [int(count) for count in options.shards.split(",")]
        for line in _table(folder, int(options.rows), counts, options.rounds, kept):
            print(line, flush=True)
        for line in _on_ray(folder, int(options.rows), counts, options.rounds) if options.ray else ():
            print(line, flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.output:
        options.output.write_text(json.dumps(kept) + "\n", encoding="utf-8")


def _table(folder: Path, rows: int, counts: list[int], rounds: int, kept: list[dict[str, Any]]) -> Iterator[str]:
    codes = write_codes(folder / "codes.npy", rows)
    sample = codes[:: max(1, rows // 200_000)].astype(np.float32)
    rules = [_rule(np.asarray(codes[: min(rows, 500_000)]), sample, seed) for seed in range(20)]
    yield f"{machine()}; {rows:,} rows in all, {rounds} rounds\n"
    yield "| shards | rows each | round p50 ms | p99 ms | processor ms of the slowest | of all |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for count in counts:
        paths = write_shards(np.asarray(codes), count, folder)
        with running(paths) as ends:
            for rule in rules[:3]:
                ask(ends, rule, list(rule.boxes))
            told = [ask(ends, rules[n % len(rules)], list(rules[n % len(rules)].boxes)) for n in range(rounds)]
        for path in paths:
            path.unlink()
        walls = np.array([one.ms for one in told])
        cpus = np.array([one.cpus for one in told])
        kept.append(
            {
                "rows": rows,
                "shards": count,
                "cores": os.cpu_count(),
                "round_ms": np.round(walls, 2).tolist(),
                "shard_ms": np.round([one.walls for one in told], 2).tolist(),
                "shard_cpu_ms": np.round(cpus, 2).tolist(),
            }
        )
        p50, p99 = np.percentile(walls, [50, 99])
        slowest, everything = np.median(cpus.max(axis=1)), np.median(cpus.sum(axis=1))
        yield f"| {count} | {rows // count:,} | {p50:.1f} | {p99:.1f} | {slowest:.1f} | {everything:.1f} |"


def _on_ray(folder: Path, rows: int, counts: list[int], rounds: int) -> Iterator[str]:
    codes = np.load(folder / "codes.npy", mmap_mode="r")
    sample = codes[:: max(1, rows // 200_000)].astype(np.float32)
    rules = [_rule(np.asarray(codes[: min(rows, 500_000)]), sample, seed) for seed in range(20)]
    catalogue = on_ray.write_segments(np.asarray(codes), max(counts), folder / "ray")
    yield "\n| engine | shards | round p50 ms | p99 ms |\n| --- | --- | --- | --- |"
    alone = on_ray.rounds_ms(catalogue, None, 1, rules, rounds)
    yield f"| local, one thread | | {np.median(alone):.1f} | {np.percentile(alone, 99):.1f} |"
    for count in counts:
        with on_ray.cluster(count) as address:
            told = on_ray.in_a_process(catalogue, address, count, rules, rounds)
        yield f"| Ray | {count} | {np.median(told):.1f} | {np.percentile(told, 99):.1f} |"


def _rule(codes: Any, sample: Any, seed: int) -> Rule:
    """A linear answer of one image in a hundred, with twelve boxes to count."""
    scorer = LinearScorer()
    scorer.weights_, scorer.bias_ = direction_to(codes, seed), np.float32(0)
    scorer.threshold_ = np.float32(np.quantile(sample @ scorer.weights_, 0.99))
    scorer._fitted()
    return Rule(scorer, boxes_around(codes, 12, 4, 25, seed))


if __name__ == "__main__":
    main()
