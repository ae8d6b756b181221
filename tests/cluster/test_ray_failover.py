"""Shards that die or hang under load: no wrong answer; clear 503s without a replica, and nothing refused with one."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.cluster.cluster_stage import (
    NAME,
    Json,
    Load,
    all_well,
    copy_data,
    engine_of,
    in_actor,
    kill_actor,
    requests,
    start,
    stop,
    told,
    until,
)
from tests.cluster.conftest import Nodes

pytestmark = pytest.mark.timeout(1_200)
BODIES = requests(40, seed=2)
_QUICK_S = 6.0  # that a request waits for an actor which hangs
Start = Callable[..., Flask]


@pytest.fixture(scope="module")
def data(made_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_data(made_data, tmp_path_factory.mktemp("failover"))


@pytest.fixture(scope="module")
def answers(local: Flask) -> list[Json]:
    """What one machine answers to each of the bodies."""
    client = local.test_client()
    return [told(client.post(f"/v1/catalogues/{NAME}/search", json=body)) for body in BODIES]


@pytest.fixture
def spread(data: Path, nodes: Nodes) -> Iterator[Start]:
    """Starts the service over two shards; no answer is remembered, so that every request asks them."""
    apps: list[Flask] = []

    def started(replicas: int, **changes: Any) -> Flask:
        values = {"engine": "ray", "ray_address": nodes.address, "ray_shards": 2, "ray_replicas": replicas, **changes}
        apps.append(start(data, **values, answers_in_memory=1, answers_disk_mb=0))
        until(all_well(apps[-1]))  # the service is ready as soon as each shard has one replica
        return apps[-1]

    yield started
    stop(*apps)


def node_of(nodes: Nodes, replica: Any) -> Any:
    """The node on which a replica is."""
    where = in_actor(replica, "node")
    return next(node for node in nodes.workers if node.node_id == where)


def search(app: Flask, number: int) -> Any:
    return app.test_client().post(f"/v1/catalogues/{NAME}/search", json=BODIES[number])


def is_ready(app: Flask) -> bool:
    return app.test_client().get("/readyz").status_code == 200


def test_without_a_replica_a_lost_shard_is_a_clear_503_until_it_is_back(
    spread: Start, nodes: Nodes, answers: list[Json]
) -> None:
    app = spread(replicas=1)
    shards = engine_of(app).shards
    places = {in_actor(shard.replicas[0], "node") for shard in shards}
    assert len(places) == 2  # the shards share out the nodes
    with Load(app, BODIES, answers) as load:
        load.go_on(10)
        kill_actor(shards[1].replicas[0])
        load.until(lambda: bool(load.refused))
        load.until(all_well(app))
        load.go_on(10)
        first = len(load.refused)
        nodes.kill(node_of(nodes, shards[0].replicas[0]))
        load.until(lambda: len(load.refused) > first)
        load.until(all_well(app))  # on the node that is left
        load.go_on(10)
    assert load.wrong == []
    assert load.unready != []  # the health check said so meanwhile
    assert is_ready(app)
    for error in load.refused:
        assert (error["code"], error["retry_after"]) == ("service_unavailable", "1")
        assert error["message"].startswith(("Shard 1 of 2", "Shard 2 of 2")), error
        assert "would not be whole" in error["message"]


def test_with_a_replica_nothing_is_refused(spread: Start, nodes: Nodes, answers: list[Json]) -> None:
    app = spread(replicas=2)
    shards = engine_of(app).shards
    for shard in shards:
        assert len({in_actor(replica, "node") for replica in shard.replicas}) == 2
    with Load(app, BODIES, answers) as load:
        load.go_on(10)
        kill_actor(shards[0].replicas[0])
        load.until(lambda: shards[0].well == 1)
        load.go_on(10)
        load.until(all_well(app))
        nodes.kill(node_of(nodes, shards[1].replicas[1]))
        # Its actors end a moment after it, and until then they answer.
        load.until(lambda: [shard.well for shard in shards] == [1, 1])
        load.go_on(10)
    assert load.wrong == []
    assert load.refused == []
    assert load.unready == []
    nodes.add()  # another machine: the lost replicas start there
    until(all_well(app))


def test_an_actor_that_hangs_is_passed_over(spread: Start, answers: list[Json]) -> None:
    app = spread(replicas=2, ray_timeout_s=_QUICK_S)
    shard = engine_of(app).shards[0]
    process = kill_actor(shard.replicas[0], signal.SIGSTOP)
    try:
        for number in range(4):  # its turn comes as that of the other, until it is known to be silent
            assert told(search(app, number)) == answers[number]
        until(lambda: shard.why() == "its actor is silent")
        assert is_ready(app)
        assert told(search(app, 4)) == answers[4]
    finally:
        os.kill(process, signal.SIGCONT)
    until(all_well(app))
    assert told(search(app, 5)) == answers[5]


def test_a_shard_that_hangs_is_a_clear_503_until_it_goes_on(spread: Start, answers: list[Json]) -> None:
    app = spread(replicas=1, ray_timeout_s=_QUICK_S)
    process = kill_actor(engine_of(app).shards[1].replicas[0], signal.SIGSTOP)
    try:
        refused = search(app, 0)
        until(lambda: not is_ready(app))
        at_once = search(app, 1)
    finally:
        os.kill(process, signal.SIGCONT)
    for answer, reason in ((refused, r"its actor is silent|no answer within 6 s"), (at_once, "its actor is silent")):
        assert answer.status_code == 503
        assert re.match(rf"Shard 2 of 2 .* is missing: ({reason})\.", answer.json["error"]["message"]), answer.text
    until(lambda: is_ready(app) and all_well(app)())
    assert told(search(app, 0)) == answers[0]
