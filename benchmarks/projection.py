"""Catalogues of 1 and 10 billion images: python -m benchmarks.projection [--cores 16 --memory-gb 64 --cost-an-hour 1]

Nodes, memory, cost and times by the model of ``benchmarks/scale``, from times measured by ``benchmarks.sharding``
(``benchmarks/scale/measured.json``), each beside a simulation of the same. A table in Markdown.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.scale.model import Load, busy, response_ms, unavailable
from benchmarks.scale.nodes import Fleet, Measured, Node, fleet_for
from benchmarks.scale.simulation import simulate
from benchmarks.scale.times import Times

_MEASURED = Path(__file__).parent / "scale" / "measured.json"
_IMAGES = (10**8, 10**9, 10**10)
_ROUNDS = 20_000


def measured(path: Path = _MEASURED) -> Times:
    """The times of one shard that has the machine to itself, as ``benchmarks.sharding`` kept them."""
    runs = json.loads(path.read_text(encoding="utf-8"))
    alone = next(run for run in runs if run["shards"] == 1)
    return Times.of([one for told in alone["shard_ms"] for one in told])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", type=int, default=Node.cores)
    parser.add_argument("--memory-gb", type=float, default=Node.memory_gb)
    parser.add_argument("--bandwidth-gb-s", type=float, default=Node.bandwidth_gb_s)
    parser.add_argument("--cost-an-hour", type=float, default=Node.cost_an_hour, help="of a node")
    parser.add_argument("--pass-ms", type=float, default=100.0, help="longest pass over a shard's codes, at the median")
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--rates", default="0.5,2,5", help="rounds a second, of all users together")
    parser.add_argument("--times", type=Path, default=_MEASURED)
    options = parser.parse_args()
    node = Node(options.cores, options.memory_gb, options.bandwidth_gb_s, options.cost_an_hour)
    rates = [float(rate) for rate in options.rates.split(",")]
    for line in tables(node, Measured(), measured(options.times), options.pass_ms, options.replicas, rates):
        print(line, flush=True)


def tables(
    node: Node, known: Measured, form: Times, pass_ms: float, replicas: int, rates: list[float]
) -> Iterator[str]:
    """Lines: what each size needs, then the times of a round at each rate, by the model and by the simulation."""
    fleets = {images: fleet_for(images, replicas, pass_ms, node, known) for images in _IMAGES}
    yield f"{node.cores} cores and {node.memory_gb:g} GB a node, {replicas} replicas, passes of {pass_ms:g} ms\n"
    yield "| images | shards | nodes | images a node | bound by | GB a node | pass ms | cost an hour | away, h a year |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for images, fleet in fleets.items():
        held = fleet.rows * known.bytes_an_image / 1e9
        away = unavailable(Load(fleet.shards, replicas), 4, 0.25) * 365.25 * 24
        yield (
            f"| {images:,} | {fleet.shards} | {fleet.nodes} | {fleet.rows:,} | {fleet.bound_by} | {held:.1f} | "
            f"{fleet.pass_ms:.0f} | {fleet.cost_an_hour:g} | {away:.3f} |"
        )
    yield "\n| images | stragglers | rounds/s | busy | p50 ms | p99 ms | simulated | p99, asked twice | simulated |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for images, fleet in fleets.items():
        for told, spread in (("as measured", form), ("and 1 in 1,000 ten times", form.with_stragglers(1_000, 10))):
            for rate in rates:
                yield f"| {images:,} | {told} | {rate:g} | {_times(fleet, spread, rate, known)} |"


def _times(fleet: Fleet, form: Times, rate: float, known: Measured) -> str:
    plain, times = fleet.load(rate, form, hedged=False), fleet.times(form)
    used = busy(times, plain)
    if used >= 0.95:
        return f"{used:.0%} | more replicas are needed | | | |"
    rest = known.router_ms + known.join_ms_a_shard * fleet.shards
    p50, p99 = response_ms(times, plain)
    cells = [f"{used:.0%}", f"{rest + p50:.0f}", f"{rest + p99:.0f}", f"{rest + _simulated(times, plain):.0f}"]
    twice = fleet.load(rate, form, hedged=True)
    if twice.hedge_ms is not None:
        cells += [f"{rest + response_ms(times, twice)[1]:.0f}", f"{rest + _simulated(times, twice):.0f}"]
    return " | ".join(cells)


def _simulated(times: Times, load: Load) -> float:
    return float(np.quantile(simulate(times, load, _ROUNDS, np.random.default_rng(0)), 0.99))


if __name__ == "__main__":
    main()
