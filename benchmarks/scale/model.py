"""The model: how long the slowest of many shards takes, alone, under load, and with a second request to a replica.

Assumptions, by the names that docs/scale.md gives them:

INDEPENDENT   shards are slow independently of one another (the largest of S is then F to the power of S)
RANDOM        rounds arrive at random (Poisson), and a router gives each to a replica at random
WHOLE         a replica works on one round at a time with all of its processors, in the order of arrival
HEDGE         a second request, sent when the first has not answered after a while, is independent of it: replicas are
              mostly idle, and the first is late because its node is slow, not because others wait there as well
FAILURES      replicas fail independently, and are back after a fixed time on average

Waiting is the M/G/1 queue's, exact for RANDOM and WHOLE (Pollaczek and Khinchine): a geometric number of residual
service times, convolved on a grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.scale.times import Floats, Times

_POINTS = 1 << 15


@dataclass(frozen=True)
class Load:
    """``shards`` of ``replicas`` each, ``rate`` rounds a second, a second request after ``hedge_ms`` or never."""

    shards: int
    replicas: int = 1
    rate: float = 0.0
    hedge_ms: float | None = None

    def __post_init__(self) -> None:
        if self.hedge_ms is not None and self.replicas < 2:
            raise ValueError("A second request needs a second replica: 'replicas' must be 2 or more.")


def busy(times: Times, load: Load) -> float:
    """The share of its time that a replica works; 1 or more cannot be served."""
    return load.rate / load.replicas * times.mean / 1_000


def response_ms(times: Times, load: Load, shares: tuple[float, ...] = (0.5, 0.99)) -> tuple[float, ...]:
    """The time within which the given shares of rounds have an answer of every shard.

    Raises ValueError for a load that cannot be served.
    """
    grid, below = _of_a_shard(times, load)
    slowest = below**load.shards
    return tuple(float(grid[min(len(grid) - 1, int(np.searchsorted(slowest, share)))]) for share in shares)


def unavailable(load: Load, failures_a_year: float, repair_h: float) -> float:
    """The share of time in which some shard has no replica at work (FAILURES)."""
    down = repair_h / (365.25 * 24 / failures_a_year + repair_h)
    return float(1 - (1 - down**load.replicas) ** load.shards)


def _of_a_shard(times: Times, load: Load) -> tuple[Floats, Floats]:
    """A grid of times (k,), and the probability that a shard has answered by each."""
    rate = load.rate
    for _ in range(8):  # second requests are load too
        used = rate / load.replicas * times.mean / 1_000
        if used >= 1:
            raise ValueError(f"A replica must be busy for less than all of its time. Got {used:.0%} instead.")
        grid, below = _queued(times, used)
        if load.hedge_ms is None:
            return grid, below
        late = 1 - float(np.interp(load.hedge_ms, grid, below))
        rate = load.rate * (1 + late)
    before = np.interp(grid - load.hedge_ms, grid, below, left=0.0)
    return grid, 1 - (1 - below) * (1 - before)


def _queued(times: Times, used: float) -> tuple[Floats, Floats]:
    """Grid, and distribution function on it, of waiting and service of an M/G/1 queue that is ``used`` so much."""
    longest = float(times.samples[-1]) * (1.0 if used == 0 else 2 + 6 / (1 - used))
    step = longest / _POINTS
    grid = step * np.arange(1, _POINTS + 1)
    service = np.diff(np.searchsorted(times.samples, np.concatenate([[0.0], grid]), side="right")) / len(times.samples)
    if used == 0:
        return grid, np.cumsum(service)
    left = np.clip(1 - np.cumsum(service) + service / 2, 0, 1)
    residual = left / left.sum()
    transformed = np.fft.rfft(residual, 2 * _POINTS)
    # On so fine a grid it does not matter that a sum of residuals is half a cell early for each of them.
    waiting = (1 - used) / (1 - used * transformed)
    answered = np.fft.irfft(waiting * np.fft.rfft(service, 2 * _POINTS), 2 * _POINTS)[:_POINTS]
    return grid, np.minimum(np.cumsum(answered), 1.0)
