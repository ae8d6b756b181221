"""Which replicas of a shard are asked, and when a shard is said to be missing: busy is not gone."""

from __future__ import annotations

import logging
import time

import pytest

from clip_branches.cluster.replicas import SILENT, SILENT_S, Replica, ReplicaSet


def _shard(count: int) -> ReplicaSet:
    shard = ReplicaSet("Shard 1 of 1", [Replica(None, None) for _ in range(count)], patience_s=10)
    for replica in shard.replicas:
        shard.heard(replica)
        shard.note(replica, None)
    return shard


def _unheard_for(shard: ReplicaSet, place: int, seconds: float) -> Replica:
    replica = shard.replicas[place]
    replica.heard_at = replica.asked_at = time.monotonic() - seconds
    if replica.is_late:
        shard.note(replica, SILENT)
    return replica


def test_replicas_take_turns_and_busy_ones_come_last() -> None:
    shard = _shard(3)
    assert {shard.order()[0] for _ in range(3)} == set(shard.replicas)
    busy = _unheard_for(shard, 0, SILENT_S + 2)
    assert [shard.order()[-1] for _ in range(3)] == [busy] * 3
    assert (shard.well, shard.problem()) == (2, None)


def test_a_shard_is_missing_only_when_it_is_silent_for_longer_than_a_request_waits() -> None:
    shard = _shard(1)
    assert _unheard_for(shard, 0, SILENT_S - 1).well
    busy = _unheard_for(shard, 0, SILENT_S + 2)
    assert (shard.well, shard.problem(), shard.order()) == (0, None, [busy])
    _unheard_for(shard, 0, 11)
    assert (shard.problem(), shard.order()) == ("Shard 1 of 1 is missing: its actor is silent.", [])
    shard.heard(busy)  # an answer that took long is a sign of life
    assert (shard.well, shard.problem(), shard.order()) == (1, None, [busy])


def test_a_replica_that_has_ended_is_not_asked_whatever_it_said_before(caplog: pytest.LogCaptureFixture) -> None:
    shard = _shard(2)
    ended, other = shard.replicas
    caplog.clear()  # where a service has run before, the logs tell of the start too
    with caplog.at_level(logging.INFO):
        shard.note(ended, "its actor has ended")
        shard.heard(ended)  # an answer that was on its way
        shard.note(ended, "its actor has ended")
    assert [shard.order() for _ in range(2)] == [[other]] * 2
    assert [record.levelname for record in caplog.records] == ["WARNING"]  # said once
    with caplog.at_level(logging.INFO):
        shard.note(ended, None)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
