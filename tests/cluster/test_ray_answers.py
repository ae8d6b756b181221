"""The search service over a cluster answers as it does over its own files: ids, order, totals, votes, boxes, names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.cluster.cluster_stage import DELETED, NAME, SEGMENTS, copy_data, engine_of, requests, start, stop, told
from tests.cluster.conftest import Nodes

pytestmark = pytest.mark.timeout(1_200)


@pytest.fixture(scope="module")
def both(
    local: Flask, made_data: Path, tmp_path_factory: pytest.TempPathFactory, cluster: Nodes
) -> Iterator[tuple[FlaskClient, FlaskClient]]:
    """The same data, each service with answers of its own."""
    cluster.replenish()
    folder = tmp_path_factory.mktemp("spread")
    data, copies = copy_data(made_data, folder / "data"), folder / "node"
    spread = start(data, engine="ray", ray_address=cluster.address, ray_shards=2, ray_local_dir=str(copies))
    yield local.test_client(), spread.test_client()
    stop(spread)


def get(client: FlaskClient, path: str) -> Any:
    answer = client.get(f"/v1/catalogues/{NAME}/{path}")
    assert answer.status_code == 200, answer.text
    return {key: value for key, value in answer.json.items() if key != "timings_ms"}  # type: ignore[union-attr]


@pytest.mark.parametrize("body", requests(10, seed=1), ids=range(10))
def test_a_search_and_all_that_follows_is_the_same(both: tuple[FlaskClient, FlaskClient], body: dict[str, Any]) -> None:
    first, second = (told(client.post(f"/v1/catalogues/{NAME}/search", json=body)) for client in both)
    assert first == second
    paths = [f"results/{first['result_set']}?offset=250&limit=1000", f"results/{first['result_set']}/ids?scores=true"]
    paths += [f"results/{first['result_set']}/boxes?limit=20", f"results/{first['result_set']}/items/2600"]
    paths += [f"results/{first['result_set']}/check?limit=50"]
    if first["cut"] is not None:
        paths += [f"results/{first['result_set']}/cuts"]
    for path in paths:
        assert get(both[0], path) == get(both[1], path), path
    if first["boxes"]:
        off = {**body, "boxes_off": [first["boxes"][0]["id"]]}
        assert len({str(told(c.post(f"/v1/catalogues/{NAME}/search", json=off))) for c in both}) == 1
        box = f"results/{first['result_set']}?where=@box:{first['boxes'][-1]['id']}"
        assert get(both[0], box) == get(both[1], box)
    if "positive" in body:
        suggested = [c.post(f"/v1/catalogues/{NAME}/suggest", json={**body, "limit": 20}).json for c in both]
        assert suggested[0]["suggestions"] == suggested[1]["suggestions"] != []  # type: ignore[index]


def test_every_image_is_on_one_shard_and_samples_are_drawn_alike(both: tuple[FlaskClient, FlaskClient]) -> None:
    local, spread = (engine_of(client.application) for client in both)
    assert spread.size == local.size == sum(SEGMENTS) - len(DELETED)
    assert [shard.name[:12] for shard in spread.shards] == ["Shard 1 of 2", "Shard 2 of 2"]
    ids = local.nearest_all(np.ones(32, np.float32)).ids
    assert (local.codes_of(ids) == spread.codes_of(ids)).all()
    for n in (1, 500, sum(SEGMENTS)):
        drawn = [one.sample(n, np.random.default_rng(n), exclude=ids[:30]) for one in (local, spread)]
        assert (drawn[0] == drawn[1]).all()


def test_what_the_question_is_to_blame_for_is_said_as_ever(both: tuple[FlaskClient, FlaskClient]) -> None:
    for body in ({"positive": [10**9]}, {"positive": [DELETED[0]]}, {"text": "a", "boxes_off": ["0" * 12]}):
        answers = [client.post(f"/v1/catalogues/{NAME}/search", json=body) for client in both]
        assert answers[0].status_code == answers[1].status_code
        assert answers[0].json == answers[1].json


def test_nodes_hold_checked_copies(both: tuple[FlaskClient, FlaskClient]) -> None:
    settings = both[1].application.config["SETTINGS"]
    copies = sorted(Path(settings.ray_local_dir).glob("*/*/*"))
    assert {path.name for path in copies} == {"boxes.cbx", "ids.npy"}
    assert len(copies) == 2 * len(SEGMENTS)
