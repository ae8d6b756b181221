"""What a search answers: complete, ordered, stable, and the same for the same request."""

from __future__ import annotations

import base64
import io
import threading
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from clip_branches.catalogue import Catalogue
from clip_branches.encoding import Encoder
from clip_branches.engine import Box
from tests.services.conftest import IMAGES, NAME, ask, every_hit

MODELS = ["auto", "linear", "branch", "ensemble"]


def labels(client: FlaskClient, right: int = 6, wrong: int = 4) -> dict[str, list[int]]:
    ids = [hit["id"] for hit in ask(client, text="red", limit=IMAGES)["hits"]]
    return {"positive": ids[:right], "negative": ids[-wrong:]}


def picture(catalogue: Catalogue, item: int) -> str:
    found, _ = catalogue.items([item])
    return base64.b64encode(catalogue.image_path(found[0]["source"]).read_bytes()).decode()


@pytest.fixture(scope="session")
def catalogue(noise_data: Any) -> Catalogue:
    return Catalogue.open(noise_data / "catalogues" / NAME)


@pytest.fixture(scope="session")
def codes(catalogue: Catalogue) -> dict[int, Any]:
    from clip_branches.engine import BoxIndex

    (segment,) = catalogue.segments
    index = BoxIndex.open(segment.index_path)
    return dict(zip(segment.ids.tolist(), index.codes(np.arange(index.n_rows)), strict=True))


def test_catalogues_say_what_can_be_searched(search: FlaskClient) -> None:
    answer = search.get("/v1/catalogues").json
    assert answer is not None
    assert answer["unavailable"] == {}
    (one,) = answer["catalogues"]
    assert (one["name"], one["size"], one["generation"], one["has_captions"]) == (NAME, IMAGES, 1, True)


def test_words_rank_the_whole_catalogue(
    search: FlaskClient, catalogue: Catalogue, codes: dict[int, Any], tiny_models: Any
) -> None:
    answer = ask(search, text="a red thing", limit=IMAGES)
    assert (answer["model"], answer["total"], answer["cut"]) == ("text", IMAGES, None)
    spec = catalogue.encoder
    encoder = Encoder.load("tiny", models_dir=tiny_models, head=spec.head_path, quantiser=spec.quantiser_path)
    vector = encoder.encode_texts(["a red thing"])[0]
    assert encoder.quantiser is not None
    expected = {item: float(encoder.quantiser.decode(code[None])[0] @ vector) for item, code in codes.items()}
    assert {hit["id"] for hit in answer["hits"]} == set(expected)
    scores = [hit["score"] for hit in answer["hits"]]
    assert scores == sorted(scores, reverse=True)
    for hit in answer["hits"]:
        assert hit["score"] == pytest.approx(expected[hit["id"]], abs=1e-4)


def test_an_image_of_the_catalogue_finds_itself_first(search: FlaskClient, catalogue: Catalogue) -> None:
    for item in (3, 77, 200):
        assert ask(search, image=picture(catalogue, item))["hits"][0]["id"] == item
        assert ask(search, image_id=item)["hits"][0]["id"] == item
    data_url = "data:image/png;base64," + picture(catalogue, 3)
    assert ask(search, image=data_url)["result_set"] == ask(search, image=picture(catalogue, 3))["result_set"]


def test_without_pushes_down_what_it_names(search: FlaskClient, catalogue: Catalogue) -> None:
    plain = ask(search, image_id=5, limit=IMAGES)
    pushed = ask(search, image_id=5, without=["blue", "green"], limit=IMAGES)
    again = ask(search, image_id=5, without=["green", " blue ", "blue"], limit=IMAGES)
    assert pushed["hits"] != plain["hits"]
    assert pushed["total"] == IMAGES
    assert again["result_set"] == pushed["result_set"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("anchor", [{}, {"text": "red"}, {"image_id": 9}])
def test_labels_give_every_accepted_image(
    search: FlaskClient, codes: dict[int, Any], model: str, anchor: dict[str, Any]
) -> None:
    given = labels(search)
    answer = ask(search, **given, **anchor, model=model, limit=3)
    assert answer["model"] == ("linear" if model == "auto" else model)
    hits = every_hit(search, answer["result_set"])
    assert hits[:3] == answer["hits"]
    assert len({hit["id"] for hit in hits}) == len(hits) == answer["total"] <= IMAGES
    keys = [(-hit["score"], hit["id"]) for hit in hits]
    assert [key[0] for key in keys] == sorted(key[0] for key in keys)
    found = {hit["id"] for hit in hits}
    wrong_side = [{"id": item, "label": "positive"} for item in sorted(given["positive"]) if item not in found]
    wrong_side += [{"id": item, "label": "negative"} for item in sorted(given["negative"]) if item in found]
    assert answer["misplaced"] == wrong_side
    assert answer["boxes_decide"] is (model in ("branch", "ensemble"))
    for summary in answer["boxes"]:
        box = Box(summary["features"], summary["low"], summary["high"])
        inside = {item for item, code in codes.items() if box.contains(code[None])[0]}
        assert summary["count"] == len(inside)
        assert summary["accepted"] == len(inside & found)
        assert summary["sql"] == box.sql()
    if model in ("branch", "ensemble"):
        assert all(hit["votes"] >= 1 for hit in hits)


def test_the_same_request_has_the_same_answer_however_it_is_written(search: FlaskClient) -> None:
    given = labels(search)
    first = ask(search, text="red  car", **given, model="ensemble")
    turned = {"positive": given["positive"][::-1] * 2, "negative": given["negative"][::-1]}
    second = ask(search, text=" red\tcar\n", **turned, model="ensemble", limit=5)
    assert second["result_set"] == first["result_set"]
    assert second["hits"] == first["hits"][:5]
    assert ask(search, text="red car", **given, model="ensemble", seed=1)["result_set"] != first["result_set"]


def test_labels_are_not_used_by_the_model_text(search: FlaskClient) -> None:
    given = labels(search)
    assert ask(search, text="red", **given, model="text")["result_set"] == ask(search, text="red")["result_set"]
    refused = search.post(f"/v1/catalogues/{NAME}/search", json={**given, "model": "text"})
    assert refused.status_code == 400


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_pages_tile_the_whole_answer(search: FlaskClient, limit: int) -> None:
    answer = ask(search, **labels(search), model="linear", limit=1000)
    assert every_hit(search, answer["result_set"], limit=limit) == answer["hits"]
    beyond = search.get(f"/v1/catalogues/{NAME}/results/{answer['result_set']}?offset=99999999")
    assert beyond.json is not None
    assert beyond.json["hits"] == []


def test_changes_are_the_difference_of_two_answers(search: FlaskClient) -> None:
    given = labels(search)
    before = ask(search, **given, model="ensemble", limit=1000)
    now = ask(search, **labels(search, right=9, wrong=8), model="linear", limit=1000)
    path = f"/v1/catalogues/{NAME}/results/{now['result_set']}/changes?since={before['result_set']}"
    changes = search.get(f"{path}&limit=1000").json
    assert changes is not None
    old, new = {hit["id"] for hit in before["hits"]}, {hit["id"] for hit in now["hits"]}
    assert changes["came_in"]["hits"] == [hit for hit in now["hits"] if hit["id"] not in old]
    assert changes["went_out"]["hits"] == [hit for hit in before["hits"] if hit["id"] not in new]
    assert changes["came_in"]["total"] == len(new - old)
    part = search.get(f"{path}&limit=2&offset=1").json
    assert part is not None
    assert part["came_in"]["hits"] == changes["came_in"]["hits"][1:3]
    same = search.get(f"/v1/catalogues/{NAME}/results/{now['result_set']}/changes?since={now['result_set']}").json
    assert same is not None
    assert same["came_in"]["total"] == same["went_out"]["total"] == 0


def test_users_at_the_same_time_get_what_each_gets_alone(search_app: Flask, start_search: Any, own_data: Any) -> None:
    """Sixteen users with different labels, against an app that has answered none of them before."""
    ids = [hit["id"] for hit in ask(search_app.test_client(), text="red", limit=IMAGES)["hits"]]
    requests = [
        {
            "text": f"picture {user}",
            "positive": ids[user : user + 5],
            "negative": ids[-user - 5 : -user - 1],
            "model": MODELS[user % 4],
            "limit": 1000,
        }
        for user in range(16)
    ]
    alone = [ask(search_app.test_client(), **request) for request in requests]
    fresh = start_search(own_data)
    together: dict[int, dict[str, Any]] = {}

    def user(number: int) -> None:
        together[number] = ask(fresh.test_client(), **requests[number])

    threads = [threading.Thread(target=user, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, expected in enumerate(alone):
        got = together[number]
        assert {**got, "timings_ms": None} == {**expected, "timings_ms": None}


def test_a_request_that_many_send_at_once_is_computed_once(start_search: Any, own_data: Any) -> None:
    app = start_search(own_data)
    body = {**labels(app.test_client()), "model": "ensemble"}
    answers: list[dict[str, Any]] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(app.test_client(), **body))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer["result_set"] for answer in answers}) == 1
    assert sum(answer["timings_ms"]["train"] > 0 for answer in answers) == 1


def test_steps_are_timed(search: FlaskClient) -> None:
    timings = ask(search, text="something never asked before")["timings_ms"]
    assert set(timings) == {"encode", "train", "query", "rank", "explain", "store", "total"}
    assert timings["encode"] > 0
    assert timings["rank"] > 0
    assert timings["train"] == 0
    assert timings["total"] >= timings["encode"] + timings["rank"]


def test_a_picture_is_a_picture_whatever_its_kind(search: FlaskClient, catalogue: Catalogue) -> None:
    from PIL import Image

    content = base64.b64decode(picture(catalogue, 11))
    buffer = io.BytesIO()
    Image.open(io.BytesIO(content)).save(buffer, "JPEG", quality=95)
    answer = ask(search, image=base64.b64encode(buffer.getvalue()).decode())
    assert 11 in [hit["id"] for hit in answer["hits"][:5]]


def test_an_answer_says_what_it_read_and_a_known_one_read_nothing(search: FlaskClient) -> None:
    given = labels(search)
    for model in MODELS:
        fresh = ask(search, text="read me", **given, model=model)["reading"]
        assert 0 <= fresh["blocks"] <= fresh["blocks_total"]
        assert (fresh["bytes"] == 0) == (fresh["blocks"] == 0)
        assert fresh["bytes"] <= 32 * IMAGES * 40
        assert ask(search, text="read me", **given, model=model)["reading"] is None
