"""The model of many shards against a simulation of them, round by round, and against what theory knows exactly."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.projection import measured
from benchmarks.scale.model import Load, busy, response_ms, unavailable
from benchmarks.scale.simulation import simulate, simulate_outages
from benchmarks.scale.times import Times

_ROUNDS = 12_000


@pytest.fixture(scope="module")
def times() -> Times:
    """The measured times of a shard's pass."""
    return measured()


def test_an_exponential_queue_has_its_known_distribution() -> None:
    """M/M/1: the time in the system is exponential with the rate mu - lambda."""
    service = Times.of(-10 * np.log(1 - (np.arange(20_000) + 0.5) / 20_000))
    p50, p99 = response_ms(service, Load(1, rate=60))
    mean = 1 / (1 / 10 - 60 / 1_000)
    assert (p50, p99) == (pytest.approx(mean * np.log(2), rel=0.02), pytest.approx(mean * np.log(100), rel=0.02))


@pytest.mark.parametrize("shards", [1, 16, 250])
def test_alone_the_slowest_of_many_shards_is_the_order_statistic(times: Times, shards: int) -> None:
    rounds = simulate(times, Load(shards), 4_000, np.random.default_rng(shards))
    for share, told in zip((0.5, 0.99), response_ms(times, Load(shards)), strict=True):
        assert told == pytest.approx(np.quantile(rounds, share), rel=0.1)


@pytest.mark.parametrize(("shards", "replicas", "share"), [(1, 1, 0.5), (16, 1, 0.3), (16, 2, 0.5), (64, 2, 0.3)])
def test_under_load_the_model_is_near_and_never_promises_too_much(
    times: Times, shards: int, replicas: int, share: float
) -> None:
    """Queues of shards that get the same rounds are alike, so that INDEPENDENT says too long a time, most at p50."""
    load = Load(shards, replicas, rate=share * replicas * 1_000 / times.mean)
    assert busy(times, load) == pytest.approx(share)
    rounds = simulate(times, load, _ROUNDS, np.random.default_rng([shards, replicas]))
    for quantile, most, told in zip((0.5, 0.99), (2.0, 1.35), response_ms(times, load), strict=True):
        found = float(np.quantile(rounds, quantile))
        assert 0.92 * found <= told <= most * found, (quantile, told, found)


@pytest.mark.parametrize("shards", [16, 64])
def test_second_requests_cut_off_slow_nodes_as_the_model_says(times: Times, shards: int) -> None:
    slow = times.with_stragglers(1_000, 10)
    rate = 0.06 * 1_000 / slow.mean
    without = float(np.quantile(simulate(slow, Load(shards, 2, rate), _ROUNDS, np.random.default_rng(1)), 0.99))
    hedged = Load(shards, 2, rate, hedge_ms=2 * float(np.median(times.samples)))
    found = float(np.quantile(simulate(slow, hedged, _ROUNDS, np.random.default_rng(2)), 0.99))
    assert found < 0.5 * without
    assert 0.85 * found <= response_ms(slow, hedged)[1] <= 1.45 * found


def test_second_requests_are_no_help_against_queues(times: Times) -> None:
    """Where replicas are busy the model of second requests promises too much: the simulation is what counts there."""
    plain = Load(64, 2, rate=0.3 * 2 * 1_000 / times.mean)
    hedged = Load(64, 2, plain.rate, hedge_ms=times.quantile(0.95))
    without, found = (
        float(np.quantile(simulate(times, load, _ROUNDS, np.random.default_rng(4)), 0.99)) for load in (plain, hedged)
    )
    assert found > 0.9 * without
    assert response_ms(times, hedged)[1] < 0.9 * found


def test_outages_are_as_rare_as_the_model_says() -> None:
    for load, years in ((Load(8), 40), (Load(20, 2), 200)):
        found = simulate_outages(load, 12, 24, years, np.random.default_rng(3))
        # Hours that are touched count as a whole: up to one hour more of 24.
        assert found == pytest.approx(unavailable(load, 12, 24.5), rel=0.2)


def test_what_cannot_be_served_is_said(times: Times) -> None:
    with pytest.raises(ValueError, match="busy for less than all"):
        response_ms(times, Load(4, rate=1_100 / times.mean))
    with pytest.raises(ValueError, match="second replica"):
        Load(4, hedge_ms=10)
