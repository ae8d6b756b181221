"""Catalogues that are damaged, replaced, added or removed while the search service runs; answers that outlive it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask

from tests.pipeline.support import Preprocessing, write_images
from tests.services.conftest import IMAGES, NAME, ask, every_hit, stored, wait_for

Start = Callable[..., Flask]


def labelled(app: Flask) -> dict[str, Any]:
    ids = [hit["id"] for hit in ask(app.test_client(), text="red", limit=IMAGES)["hits"]]
    return {"text": "red", "positive": ids[:6], "negative": ids[-4:], "limit": 1000}


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def another_version(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 99}))


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [
        ("segments/*/boxes.cbx", truncate),
        ("segments/*/boxes.cbx", flip),
        ("segments/*/ids.npy", flip),
        ("segments/*/items.parquet", truncate),
        ("segments/*/items.parquet", Path.unlink),
        ("encoder/*/quantiser.json", flip),
        ("encoder/*/head.safetensors", truncate),
        ("manifest.json", truncate),
        ("manifest.json", another_version),
    ],
)
def test_a_damaged_catalogue_is_refused_and_the_others_are_served(
    own_data: Path, start_search: Start, pattern: str, damage: Callable[[Path], None]
) -> None:
    catalogues = own_data / "catalogues"
    shutil.copytree(catalogues / NAME, catalogues / "bad")
    (file,) = (catalogues / "bad").glob(pattern)
    damage(file)
    client = start_search(own_data).test_client()
    listed = client.get("/v1/catalogues").json
    assert listed is not None
    assert [one["name"] for one in listed["catalogues"]] == [NAME]
    assert file.name in listed["unavailable"]["bad"]
    for answer in (
        client.post("/v1/catalogues/bad/search", json={"text": "red"}),
        client.get(f"/v1/catalogues/bad/results/{'0' * 32}"),
    ):
        assert answer.status_code == 503
        assert answer.json is not None
        assert answer.json["error"]["code"] == "damaged_file"
        assert file.name in answer.json["error"]["message"]
    assert ask(client, text="red")["total"] == IMAGES


def test_not_ready_without_a_catalogue_and_ready_when_one_appears(
    own_data: Path, tmp_path: Path, start_search: Start
) -> None:
    empty = tmp_path / "empty"
    app = start_search(empty, ready=False)
    client = app.test_client()
    assert client.get("/livez").status_code == 200
    reasons = client.get("/readyz").json
    assert reasons is not None
    assert "no catalogue" in reasons["reasons"][0]
    shutil.copytree(own_data / "catalogues" / NAME, empty / "catalogues" / NAME)
    wait_for(app, lambda: client.get("/readyz").status_code == 200)
    assert ask(client, text="red")["total"] == IMAGES
    shutil.rmtree(empty / "catalogues" / NAME)
    wait_for(app, lambda: client.get("/readyz").status_code == 503)
    assert client.post(f"/v1/catalogues/{NAME}/search", json={"text": "red"}).status_code == 404


def test_a_new_generation_is_picked_up_and_old_answers_stay(
    own_data: Path, tiny_models: Path, start_search: Start
) -> None:
    app = start_search(own_data)
    client = app.test_client()
    old = ask(client, **labelled(app))
    write_images(own_data / "sources" / NAME, IMAGES + 30, size=100)
    Preprocessing(tiny_models, own_data).build(own_data / "sources" / NAME, name=NAME)

    def generation() -> Any:
        listed = client.get("/v1/catalogues").json
        return listed and listed["catalogues"] and listed["catalogues"][0]["generation"]

    wait_for(app, lambda: generation() == 2)
    new = ask(client, text="red")
    assert new["generation"] == 2
    assert new["total"] != IMAGES
    assert every_hit(client, old["result_set"]) == old["hits"]
    # Its generation is kept until the next change: from its stored request it can be computed again ...
    folder = own_data / "answers" / NAME / old["result_set"]
    other = start_search(own_data).test_client()
    assert every_hit(other, old["result_set"]) == old["hits"]
    stored(folder).unlink()
    other = start_search(own_data).test_client()
    assert every_hit(other, old["result_set"]) == old["hits"]
    # ... and then no more, and says so.
    write_images(own_data / "sources" / NAME, IMAGES + 40, size=100)
    Preprocessing(tiny_models, own_data).build(own_data / "sources" / NAME, name=NAME)
    stored(folder).unlink()
    gone = start_search(own_data).test_client().get(f"/v1/catalogues/{NAME}/results/{old['result_set']}")
    assert gone.status_code == 404
    assert "earlier generation" in gone.text


@pytest.mark.parametrize("model", ["linear", "branch", "ensemble", "text"])
@pytest.mark.parametrize("lost", ["hits.npy", "details.json", "half", "altered"])
def test_an_evicted_answer_comes_back_bit_for_bit(
    own_data: Path, start_search: Start, search_app: Flask, model: str, lost: str
) -> None:
    body = {**labelled(search_app), "model": model, "without": ["green"]}
    first = ask(start_search(own_data).test_client(), **body)
    folder = own_data / "answers" / NAME / first["result_set"]
    hits = stored(folder).read_bytes()
    if lost in ("hits.npy", "details.json"):
        (folder / lost).unlink()
    elif lost == "half":
        truncate(folder / "hits.npy")
    else:
        flip(folder / "hits.npy")
    client = start_search(own_data).test_client()
    assert every_hit(client, first["result_set"], limit=1000) == first["hits"]
    wait_for(search_app, lambda: stored(folder).read_bytes() == hits)
    again = ask(client, **body)
    # Nothing is read for a stored answer.
    assert {**again, "timings_ms": None, "reading": None} == {**first, "timings_ms": None, "reading": None}


def test_an_image_need_not_be_kept_for_its_answer_to_come_back(own_data: Path, start_search: Start) -> None:
    import base64

    image = base64.b64encode((own_data / "sources" / NAME / "0007.png").read_bytes()).decode()
    first = ask(start_search(own_data).test_client(), image=image, limit=1000)
    folder = own_data / "answers" / NAME / first["result_set"]
    stored(folder).unlink()
    assert (folder / "request.json").stat().st_size < 2_000
    client = start_search(own_data).test_client()
    assert every_hit(client, first["result_set"], limit=1000) == first["hits"]


def test_a_small_memory_loses_nothing(own_data: Path, start_search: Start) -> None:
    client = start_search(own_data, answers_in_memory=1).test_client()
    answers = [ask(client, text=f"picture {number}", limit=1000) for number in range(4)]
    for answer in answers:
        assert every_hit(client, answer["result_set"], limit=100) == answer["hits"]


def test_search_goes_on_when_the_disk_refuses(own_data: Path, start_search: Start) -> None:
    (own_data / "answers").write_text("a file where the folder should be, as no disk can be filled here")
    client = start_search(own_data, answers_in_memory=1).test_client()
    first, second = ask(client, text="red", limit=1000), ask(client, text="blue", limit=1000)
    for answer in (first, second, first):
        assert every_hit(client, answer["result_set"], limit=100) == answer["hits"]


def test_old_answers_make_room_on_disk_and_come_back(own_data: Path, start_search: Start) -> None:
    """A quota of zero keeps no hits at all, only requests."""
    client = start_search(own_data, answers_disk_mb=0, answers_in_memory=1).test_client()
    first, _ = ask(client, text="red", limit=1000), ask(client, text="blue")
    assert not list((own_data / "answers").rglob("hits.npy"))
    assert every_hit(client, first["result_set"], limit=100) == first["hits"]


def test_stored_answers_need_no_pickle(own_data: Path, start_search: Start) -> None:
    answer = ask(start_search(own_data).test_client(), text="red", limit=1000)
    hits = np.load(stored(own_data / "answers" / NAME / answer["result_set"]), allow_pickle=False)
    assert hits["id"].tolist() == [hit["id"] for hit in answer["hits"]]


def test_a_rebuilt_catalogue_never_gets_the_answers_of_the_one_before(
    own_data: Path, tiny_models: Path, start_search: Start
) -> None:
    """Built from nothing, its generation is 1 again; the fingerprint of its manifest tells the two apart."""
    first = ask(start_search(own_data).test_client(), text="red")
    shutil.rmtree(own_data / "catalogues" / NAME)
    shutil.rmtree(own_data / "work")
    shutil.rmtree(own_data / "sources" / NAME)
    write_images(own_data / "sources" / NAME, 50, seed=9)
    Preprocessing(tiny_models, own_data).build(own_data / "sources" / NAME, name=NAME)
    second = ask(start_search(own_data).test_client(), text="red")
    assert (first["generation"], second["generation"]) == (1, 1)
    assert second["total"] == 50
    assert second["result_set"] != first["result_set"]
