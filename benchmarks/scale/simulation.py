"""The same shards, round by round: what the model's assumptions are tested against."""

from __future__ import annotations

import heapq

import numpy as np

from benchmarks.scale.model import Load
from benchmarks.scale.times import Floats, Times


def simulate(times: Times, load: Load, rounds: int, generator: np.random.Generator) -> Floats:
    """How long each of ``rounds`` takes, in milliseconds, float64 (rounds,): until the last shard has answered.

    All shards get a round at the same moment, so that their queues are not independent. A request that has begun runs
    to its end; a second one that has not is withdrawn when the first has answered. The first tenth of the rounds, on
    an empty cluster, is left out.
    """
    gaps = generator.exponential(1_000 / load.rate, rounds) if load.rate else np.full(rounds, 1e9)
    arrivals = np.cumsum(gaps)
    slowest = np.zeros(rounds)
    for _ in range(load.shards):
        np.maximum(slowest, _shard(times, load, arrivals, generator), out=slowest)
    return (slowest - arrivals)[rounds // 10 :]


def simulate_outages(
    load: Load, failures_a_year: float, repair_h: float, years: int, generator: np.random.Generator
) -> float:
    """The share of the hours in ``years`` in which some shard has no replica at work."""
    hours = int(years * 365.25 * 24)
    out = np.zeros(hours, np.bool_)
    for _ in range(load.shards):
        all_down = np.ones(hours, np.bool_)
        for _ in range(load.replicas):
            all_down &= _down(hours, failures_a_year, repair_h, generator)
        out |= all_down
    return float(out.mean())


def _shard(times: Times, load: Load, arrivals: Floats, generator: np.random.Generator) -> Floats:
    """When one shard has answered each round, float64 (rounds,)."""
    rounds = len(arrivals)
    first, second = times.draw(rounds, generator).tolist(), times.draw(rounds, generator).tolist()
    replica = generator.integers(0, load.replicas, rounds).tolist()
    free = [0.0] * load.replicas
    done = [0.0] * rounds
    asked_again: list[tuple[float, int]] = []

    def ask_again(until: float) -> None:
        while asked_again and asked_again[0][0] <= until:
            moment, number = heapq.heappop(asked_again)
            other = (replica[number] + 1 + number % (load.replicas - 1)) % load.replicas
            begins = max(moment, free[other])
            if begins < done[number]:  # else it is withdrawn before it begins
                free[other] = begins + second[number]
                done[number] = min(done[number], free[other])

    for number, moment in enumerate(arrivals.tolist()):
        ask_again(moment)
        chosen = replica[number]
        free[chosen] = done[number] = max(moment, free[chosen]) + first[number]
        if load.hedge_ms is not None and done[number] > moment + load.hedge_ms:
            heapq.heappush(asked_again, (moment + load.hedge_ms, number))
    ask_again(np.inf)
    return np.array(done)


def _down(hours: int, failures_a_year: float, repair_h: float, generator: np.random.Generator) -> np.ndarray:
    """Which hours one replica is away: it runs for a random time, and is back after a random one."""
    down = np.zeros(hours, np.bool_)
    moment = 0.0
    while moment < hours:
        moment += generator.exponential(365.25 * 24 / failures_a_year)
        away = generator.exponential(repair_h)
        down[int(moment) : int(np.ceil(moment + away))] = True
        moment += away
    return down
