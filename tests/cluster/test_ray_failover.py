"""Shards that die under load: no wrong answer; clear 503s without a replica, and nothing refused with one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.cluster.cluster_stage import (
    NAME,
    Json,
    Load,
    engine_of,
    in_actor,
    kill_actor,
    make_data,
    requests,
    start,
    told,
    until,
)
from tests.cluster.conftest import Nodes

pytestmark = pytest.mark.timeout(600)
BODIES = requests(40, seed=2)
Start = Callable[..., Flask]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, cluster: Nodes) -> Path:
    return make_data(tmp_path_factory.mktemp("failover"))


@pytest.fixture(scope="module")
def answers(data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Json]:
    """What one machine answers to each of the bodies; from data of its own, as answers are kept there."""
    app = start(Path(shutil.copytree(data, tmp_path_factory.mktemp("local") / "data")))
    client = app.test_client()
    expected = [told(client.post(f"/v1/catalogues/{NAME}/search", json=body)) for body in BODIES]
    app.extensions["search"].stop()
    return expected


@pytest.fixture
def spread(data: Path, nodes: Nodes) -> Iterator[Start]:
    """Starts the service over two shards; no answer is remembered, so that every request asks them."""
    apps: list[Flask] = []

    def started(replicas: int) -> Flask:
        values: dict[str, Any] = {"engine": "ray", "ray_address": nodes.address, "ray_shards": 2}
        app = start(data, **values, ray_replicas=replicas, answers_in_memory=1, answers_disk_mb=0)
        apps.append(app)
        return app

    yield started
    import ray

    for app in apps:
        app.extensions["search"].stop()
    ray.shutdown()


def all_well(app: Flask) -> Callable[[], bool]:
    return lambda: all(shard.well == len(shard.replicas) for shard in engine_of(app).shards)


def node_of(nodes: Nodes, replica: Any) -> Any:
    """The node on which a replica is."""
    where = in_actor(replica, "node")
    return next(node for node in nodes.workers if node.node_id == where)


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
    assert load.unready > 0  # the health check said so meanwhile
    assert app.test_client().get("/readyz").status_code == 200
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
        load.go_on(20)
        load.until(all_well(app))
        nodes.kill(node_of(nodes, shards[1].replicas[1]))
        load.go_on(20)
        assert [shard.well for shard in shards] == [1, 1]
    assert load.wrong == []
    assert load.refused == []
    assert load.unready == 0
    nodes.add()  # another machine: the lost replicas start there
    until(all_well(app), 120)
