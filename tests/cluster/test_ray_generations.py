"""A catalogue that changes while a cluster serves it: the next generation opens beside the one that is served."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.cluster.cluster_stage import NAME, copy_data, engine_of, start, stop, until
from tests.cluster.conftest import Nodes
from tests.pipeline.support import Preprocessing

pytestmark = pytest.mark.timeout(1_200)


@pytest.fixture
def spread(made_data: Path, tmp_path: Path, nodes: Nodes) -> Iterator[Flask]:
    data = copy_data(made_data, tmp_path)
    app = start(data, engine="ray", ray_address=nodes.address, ray_shards=2, answers_in_memory=1)
    yield app
    stop(app)


def generation(app: Flask) -> int:
    return int(app.test_client().get("/v1/catalogues").json["catalogues"][0]["generation"])  # type: ignore[index]


def ask(app: Flask, **body: Any) -> dict[str, Any]:
    answer = app.test_client().post(f"/v1/catalogues/{NAME}/search", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json or {})


def test_a_new_generation_is_served_when_its_shards_are_open_and_the_old_one_ends(
    spread: Flask, tmp_path: Path
) -> None:
    first = ask(spread, text="red", limit=600)
    old = engine_of(spread)
    gone = [hit["id"] for hit in first["hits"][:3]]
    delete = Preprocessing(tmp_path / "models", tmp_path)
    delete("delete", NAME, *(part for item in gone for part in ("--id", item)))
    totals = set()
    while generation(spread) == 2:
        totals.add(ask(spread, text=f"red {len(totals)}", limit=1)["total"])  # served all the while
    assert totals <= {first["total"], first["total"] - len(gone)}
    second = ask(spread, text="red", limit=600)
    assert second["total"] == first["total"] - len(gone)
    assert [hit for hit in first["hits"] if hit["id"] not in gone] == second["hits"][: 600 - len(gone)]
    page = spread.test_client().get(f"/v1/catalogues/{NAME}/results/{first['result_set']}?limit=600")
    assert page.json["hits"] == first["hits"]  # type: ignore[index]
    assert old.size == first["total"]
    shards = old.shards
    del old
    ask(spread, text="another", limit=1)  # nothing refers to the old generation any more
    gc.collect()
    until(lambda: not any(alive(shard) for shard in shards))


def test_a_segment_that_shards_find_damaged_is_named_and_the_generation_before_goes_on(
    spread: Flask, tmp_path: Path
) -> None:
    first = ask(spread, text="red", limit=600)
    path = next((tmp_path / "catalogues" / NAME).glob("segments/*/boxes.cbx"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.unlink()  # the shards of the generation before have mapped the file that was there
    path.write_bytes(content)
    Preprocessing(tmp_path / "models", tmp_path)("delete", NAME, "--id", 4_000)
    until(lambda: spread.extensions["search"].shelf._slots[NAME].error is not None)
    message = spread.extensions["search"].shelf._slots[NAME].error.message
    assert message.startswith("Shard ")
    assert f"{path} is damaged: its sha256 must be" in message
    assert generation(spread) == 2
    assert ask(spread, text="red again", limit=1)["total"] == first["total"]
    assert spread.test_client().get("/readyz").status_code == 200


def test_actors_that_ended_start_again_when_they_are_asked(spread: Flask) -> None:
    first = ask(spread, text="red", limit=60)
    shards = engine_of(spread).shards
    engine_of(spread)._fleet.end()  # as a retired generation does that nobody has asked for a while
    until(lambda: not any(alive(shard) for shard in shards))
    page = spread.test_client().get(f"/v1/catalogues/{NAME}/results/{first['result_set']}?offset=300&limit=9")
    assert page.status_code == 200
    assert len(page.json["hits"]) == 9  # type: ignore[index]


def alive(shard: Any) -> bool:
    import ray

    try:
        return ray.get(shard.replicas[0].actor.alive.remote(), timeout=30) is None
    except ray.exceptions.RayError:
        return False
