"""Explanations over HTTP: why an image is in, what each box holds, boxes switched off, the SQL that is shown."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from clip_branches.catalogue import Catalogue
from clip_branches.engine import Box, BoxIndex
from tests.running import Running
from tests.services.conftest import IMAGES, NAME, ask, every_hit, stored
from tests.unit.engine_stage import rows_where

MODELS = ["auto", "branch", "ensemble"]
by_model = pytest.mark.parametrize("model", MODELS)


@pytest.fixture(scope="session")
def table(noise_data: Path) -> tuple[list[int], np.ndarray]:
    """Ids and codes of the catalogue, row by row."""
    (segment,) = Catalogue.open(noise_data / "catalogues" / NAME).segments
    index = BoxIndex.open(segment.index_path)
    return segment.ids.tolist(), index.codes()


def asked(client: FlaskClient, model: str, **changes: Any) -> dict[str, Any]:
    """Every other image of the top is right, so that no single box holds what is wanted."""
    ids = [hit["id"] for hit in ask(client, text="red", limit=IMAGES)["hits"]]
    return {"text": "red", "positive": ids[:30:3], "negative": ids[1:30:3], "model": model, **changes}


def get(client: FlaskClient, result_set: str, path: str = "") -> dict[str, Any]:
    answer = client.get(f"/v1/catalogues/{NAME}/results/{result_set}{path}")
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    return dict(answer.json)


def box_of(summary: dict[str, Any]) -> Box:
    return Box(summary["features"], summary["low"], summary["high"])


def all_boxes(client: FlaskClient, result_set: str) -> list[dict[str, Any]]:
    boxes: list[dict[str, Any]] = []
    while True:
        page = get(client, result_set, f"/boxes?offset={len(boxes)}&limit=50")
        boxes += page["boxes"]
        if len(boxes) >= page["total"]:
            return boxes


@by_model
def test_an_answer_without_its_boxes_is_the_same_and_has_them_afterwards(search: FlaskClient, model: str) -> None:
    body = asked(search, model, seed=4_711)
    sooner = ask(search, **body, describe=False)
    assert (sooner["boxes"], sooner["boxes_total"], sooner["covered"]) == ([], 0, 0)
    whole = ask(search, **body)
    boxes = all_boxes(search, sooner["result_set"])
    assert whole["boxes"] == boxes[: len(whole["boxes"])]
    assert whole["boxes_total"] == len(boxes) > 0
    told = {"boxes", "boxes_total", "covered", "reading", "timings_ms"}
    assert {name: value for name, value in sooner.items() if name not in told} == {
        name: value for name, value in whole.items() if name not in told
    }
    again = ask(search, **body, describe=False)  # whatever is known by now: the same request, the same answer
    assert (again["boxes"], again["covered"]) == ([], 0)
    # Boxes that are off decide which images leave, so that they are looked at in any case.
    off = ask(search, **body, boxes_off=[boxes[0]["id"]], describe=False)
    also = ask(search, **body, boxes_off=[boxes[0]["id"]])
    assert (off["total"], off["hits"], off["boxes"]) == (also["total"], also["hits"], [])


@by_model
def test_boxes_counted_afterwards_are_those_counted_with_the_answer(search: FlaskClient, model: str) -> None:
    body = asked(search, model)
    at_once = ask(search, **body, seed=5)
    ask(search, **body, seed=6, describe=False)
    afterwards = ask(search, **body, seed=6)
    for answer in (at_once, afterwards):
        shown = get(search, answer["result_set"], f"/boxes?limit={len(answer['boxes'])}")["boxes"]
        assert answer["boxes"] == shown


@by_model
def test_the_boxes_of_an_answer_and_its_sql_are_true(
    search: FlaskClient, table: tuple[list[int], np.ndarray], model: str
) -> None:
    ids, codes = table
    answer = ask(search, **asked(search, model))
    found = {hit["id"] for hit in every_hit(search, answer["result_set"], limit=1000)}
    page = get(search, answer["result_set"], "/boxes?limit=1")
    boxes = all_boxes(search, answer["result_set"])
    assert len(boxes) == page["total"] == answer["boxes_total"] >= len(answer["boxes"]) > 0
    assert len({box["id"] for box in boxes}) == len(boxes)
    assert boxes[: len(answer["boxes"])] == answer["boxes"]
    for box in boxes:
        inside = {ids[row] for row in np.flatnonzero(box_of(box).contains(codes)).tolist()}
        assert (box["count"], box["accepted"]) == (len(inside), len(inside & found))
        assert box["on"]
    shown = np.any([box_of(box).contains(codes) for box in answer["boxes"]], axis=0)
    assert answer["covered"] == len({ids[row] for row in np.flatnonzero(shown).tolist()} & found)
    if model == "branch":
        assert answer["covered"] == answer["total"]
    assert {ids[row] for row in rows_where(codes, page["sql"])} == found
    assert page["boxes_decide"] == answer["boxes_decide"] == (model != "auto")
    assert page["need"] == answer["need"]


@by_model
def test_a_box_that_is_switched_off_takes_along_what_was_said(search: FlaskClient, model: str) -> None:
    body = asked(search, model, limit=1000)
    whole = ask(search, **body)
    most = max(whole["boxes"], key=lambda box: box["alone"])
    assert most["alone"] > 0
    less = ask(search, **body, boxes_off=[most["id"]])
    assert less["total"] == whole["total"] - most["alone"]
    assert {hit["id"] for hit in less["hits"]} < {hit["id"] for hit in whole["hits"]}
    assert less["result_set"] != whole["result_set"]
    (off,) = (box for box in less["boxes"] if not box["on"])
    assert (off["id"], off["count"], off["alone"]) == (most["id"], most["count"], 0)
    gone = next(hit["id"] for hit in whole["hits"] if hit["id"] not in {kept["id"] for kept in less["hits"]})
    why = get(search, less["result_set"], f"/items/{gone}")
    assert (why["accepted"], why["rank"]) == (False, None)
    assert most["id"] in [box["id"] for box in why["boxes"] if not box["on"]]
    assert get(search, whole["result_set"], f"/items/{gone}")["accepted"]
    again = ask(search, **body, boxes_off=[most["id"], most["id"]])
    assert again["result_set"] == less["result_set"]


def test_any_box_of_an_ensemble_can_be_switched_off_and_on_again(search: FlaskClient) -> None:
    body = asked(search, "ensemble", limit=1000)
    whole = ask(search, **body)
    last = all_boxes(search, whole["result_set"])[-1]
    less = ask(search, **body, boxes_off=[last["id"]])
    assert less["total"] == whole["total"] - last["alone"]
    assert last["id"] in [box["id"] for box in less["boxes"]]
    everything = [box["id"] for box in all_boxes(search, whole["result_set"])]
    nothing = ask(search, **body, boxes_off=everything)
    assert (nothing["total"], nothing["hits"], nothing["covered"]) == (0, [], 0)
    assert ask(search, **body, boxes_off=[])["result_set"] == whole["result_set"]


@by_model
def test_every_hit_says_why_and_every_other_image_why_not(search: FlaskClient, model: str) -> None:
    answer = ask(search, **asked(search, model), limit=1000)
    places = {hit["id"]: place for place, hit in enumerate(answer["hits"], start=1)}
    for item in range(1, IMAGES, 7):
        why = get(search, answer["result_set"], f"/items/{item}")
        assert why["accepted"] == (item in places)
        assert why["rank"] == places.get(item)
        assert (why["total"], why["cut"], why["need"]) == (answer["total"], answer["cut"], answer["need"])
        if model == "auto":
            assert why["accepted"] == (why["score"] >= why["cut"])
        else:
            assert why["accepted"] == (why["votes"] >= why["need"])
            voting = {branch for box in why["boxes"] for branch in box["branches"]}
            assert why["votes"] == len(voting) <= why["branches"]
        if item in places:
            hit = answer["hits"][places[item] - 1]
            assert (why["score"], why["votes"]) == (hit["score"], hit["votes"])


def test_a_plain_ranking_has_no_boxes_and_a_place_for_every_image(search: FlaskClient) -> None:
    answer = ask(search, text="red", limit=1000)
    assert (answer["boxes"], answer["boxes_total"], answer["covered"]) == ([], 0, 0)
    page = get(search, answer["result_set"], "/boxes")
    assert (page["total"], page["boxes"], page["sql"]) == (0, [], "TRUE")
    why = get(search, answer["result_set"], f"/items/{answer['hits'][5]['id']}")
    assert (why["rank"], why["score"], why["cut"]) == (6, answer["hits"][5]["score"], None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"boxes_off": ["0123456789ab"]}, "Got 0123456789ab instead"),
        ({"boxes_off": ["box 1"]}, "boxes_off"),
        ({"boxes_off": [7]}, "boxes_off"),
        ({"boxes_off": "0123456789ab"}, "boxes_off"),
        ({"boxes_off": ["0123456789ab"], "model": "text"}, "leave them out"),
        ({"boxes_off": ["0123456789ab"], "positive": [], "negative": []}, "leave them out"),
    ],
)
def test_boxes_that_cannot_be_switched_off_say_so(search: FlaskClient, changes: dict[str, Any], message: str) -> None:
    answer = search.post(f"/v1/catalogues/{NAME}/search", json={**asked(search, "branch"), **changes})
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["error"]["field"].startswith("boxes_off")
    assert message in answer.json["error"]["message"] + answer.json["error"]["field"]


@by_model
def test_suggestions_are_unlabelled_and_the_same_each_time(search: FlaskClient, model: str) -> None:
    body = asked(search, model)
    answer = ask(search, **body)
    found = {hit["id"]: hit for hit in every_hit(search, answer["result_set"], limit=1000)}
    path = f"/v1/catalogues/{NAME}/suggest"
    first = search.post(path, json={**body, "limit": 20}).json
    assert first is not None
    assert (first["model"], first["generation"]) == (answer["model"], answer["generation"])
    ids = [one["id"] for one in first["suggestions"]]
    assert len(set(ids)) == len(ids) == 20
    assert not set(ids) & {*body["positive"], *body["negative"]}
    assert {one["reason"] for one in first["suggestions"]} == {"unsure", "likely", "unlike"}
    for one in first["suggestions"]:
        assert one["accepted"] == (one["id"] in found)
        if model == "auto":
            assert one["accepted"] == (one["margin"] >= 0)
    again = search.post(path, json={**body, "limit": 20, "text": " red "}).json
    assert again is not None
    assert again["suggestions"] == first["suggestions"]
    more = search.post(path, json={**body, "limit": 200, "exclude": ids}).json
    assert more is not None
    assert not set(ids) & {one["id"] for one in more["suggestions"]}
    assert len(more["suggestions"]) > 20


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": "red"}, "positive"),
        ({"text": "red", "positive": [3], "model": "text"}, "positive"),
        ({"positive": [3], "limit": 0}, "limit"),
        ({"positive": [3], "limit": 201}, "limit"),
        ({"positive": [3], "exclude": [-1]}, "exclude"),
        ({"positive": [987_654]}, "positive"),
        ({"positive": [3], "boxes_off": ["0123456789ab"]}, "boxes_off"),
        ({"positive": [3], "offset": 3}, "offset"),
    ],
)
def test_suggestions_that_cannot_be_made_say_why(search: FlaskClient, body: dict[str, Any], field: str) -> None:
    answer = search.post(f"/v1/catalogues/{NAME}/suggest", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json is not None
    assert answer.json["error"]["field"].startswith(field)


@pytest.mark.parametrize("item", [IMAGES + 5, 2**63 - 1, 2**64, 10**30])
def test_an_image_that_is_not_there_cannot_be_explained(search: FlaskClient, item: int) -> None:
    answer = ask(search, text="red")
    refused = search.get(f"/v1/catalogues/{NAME}/results/{answer['result_set']}/items/{item}")
    assert refused.status_code == 404
    assert refused.json is not None
    assert refused.json["error"]["code"] == "unknown_item"
    unknown = search.get(f"/v1/catalogues/{NAME}/results/{'0' * 32}/items/1")
    assert unknown.status_code == 404
    assert search.get(f"/v1/catalogues/{NAME}/results/{'0' * 32}/boxes").status_code == 404


@by_model
def test_explanations_outlive_the_process(
    own_data: Path, start_search: Callable[..., Flask], search_app: Flask, model: str
) -> None:
    client = start_search(own_data).test_client()
    body = asked(search_app.test_client(), model)
    first = ask(client, **body)
    less = ask(client, **body, boxes_off=[first["boxes"][0]["id"]])
    paths = ["/boxes?limit=1000", f"/items/{first['hits'][0]['id']}"]
    told = [get(client, answer["result_set"], path) for answer in (first, less) for path in paths]
    for lost in (None, "hits.npy"):
        if lost is not None:
            for answer in (first, less):
                stored(own_data / "answers" / NAME / answer["result_set"], lost).unlink()
        other = start_search(own_data).test_client()
        assert told == [get(other, answer["result_set"], path) for answer in (first, less) for path in paths]
    shutil.rmtree(own_data / "answers")
    assert (
        start_search(own_data)
        .test_client()
        .get(f"/v1/catalogues/{NAME}/results/{first['result_set']}/boxes")
        .status_code
        == 404
    )


@pytest.mark.slow
def test_the_page_is_told_why_under_its_own_origin(services: Running) -> None:
    import requests

    url = f"{services.url}/api/catalogues/demo"
    ids = [hit["id"] for hit in requests.post(f"{url}/search", json={"text": "a boat"}, timeout=60).json()["hits"]]
    body = {"text": "a boat", "positive": ids[:5], "negative": ids[-5:], "model": "branch"}
    answer = requests.post(f"{url}/search", json=body, timeout=60).json()
    why = requests.get(f"{url}/results/{answer['result_set']}/items/{answer['hits'][0]['id']}", timeout=60).json()
    assert (why["accepted"], why["rank"]) == (True, 1)
    assert why["boxes"]
    page = requests.get(f"{url}/results/{answer['result_set']}/boxes", timeout=60).json()
    assert page["total"] == answer["boxes_total"]
    off = {**body, "boxes_off": [why["boxes"][0]["id"]]}
    less = requests.post(f"{url}/search", json=off, timeout=60).json()
    assert less["total"] < answer["total"]
