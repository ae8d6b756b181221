"""An image and words that change it in a search: methods, balance, labels on top, and what is refused."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from clip_branches.composing import Combiner, Inversion
from clip_branches.composing.inversion import InvertedText
from clip_branches.composing.lift import LIFT_FILE, Lift
from clip_branches.composing.methods import COMBINER_FILE, INVERSION_FILE
from clip_branches.encoding import Encoder
from clip_branches.settings import SearchSettings
from search_service.app import create_app
from tests.services.conftest import NAME, ask, every_hit, wait_until_ready


def order(client: FlaskClient, **request: Any) -> list[int]:
    return [hit["id"] for hit in every_hit(client, ask(client, **request)["result_set"], limit=240)]


def composed(texts: list[str], **more: Any) -> dict[str, Any]:
    return {"texts": texts, **more}


def test_the_ends_of_the_balance_are_the_image_and_the_words(search: FlaskClient) -> None:
    look, words = order(search, image_id=7), order(search, text="a red boat")
    for method in ("sum", "slerp"):
        for balance, expected in ((0.0, look), (1.0, words)):
            body = composed(["a red boat"], balance=balance, method=method)
            assert order(search, image_id=7, compose=body)[:50] == expected[:50]
    middle = order(search, image_id=7, compose=composed(["a red boat"]))
    assert middle not in (look, words)
    assert sorted(middle) == sorted(look)


def test_labels_refine_a_composed_search(search: FlaskClient) -> None:
    body = composed(["a red boat"], balance=0.4)
    first = ask(search, image_id=7, compose=body)
    positive = [hit["id"] for hit in first["hits"][:3]]
    negative = [hit["id"] for hit in first["hits"][20:24]]
    refined = ask(search, image_id=7, compose=body, positive=positive, negative=negative)
    assert refined["model"] != "text"
    assert (
        refined["result_set"]
        == ask(search, image_id=7, compose=body, positive=positive, negative=negative)["result_set"]
    )
    plain = ask(search, image_id=7, positive=positive, negative=negative)
    assert refined["result_set"] != plain["result_set"]


def test_several_images_and_texts_count_and_their_order_does_not(search: FlaskClient) -> None:
    one = ask(search, image_id=7, compose=composed(["red", "a boat"], images=[9, 3]))
    other = ask(search, image_id=7, compose=composed([" red", "", "a  boat"], images=[3, 9, 9]))
    assert one["result_set"] == other["result_set"]
    assert one["result_set"] != ask(search, image_id=7, compose=composed(["red", "a boat"]))["result_set"]


def test_weights_set_images_and_instructions_against_one_another(search: FlaskClient) -> None:
    def result_set(**compose: Any) -> str:
        return str(ask(search, image_id=7, compose=compose)["result_set"])

    plain = result_set(texts=["red", "a boat"])
    assert result_set(texts=[{"text": "red", "weight": 3}, {"text": "a boat", "weight": 3}]) == plain
    assert result_set(texts=[{"text": "red", "weight": 3}, "a boat"]) != plain
    assert result_set(texts=["red"], images=[{"id": 9, "weight": 1}]) == result_set(texts=["red"], images=[9])
    # The heavier an image, the nearer the answer comes to its own.
    looks = {item: set(order(search, image_id=item)[:40]) for item in (7, 9)}
    for weight, nearer in ((0.1, 9), (10, 7)):
        found = set(order(search, image_id=7, compose={"images": [9], "weight": weight})[:40])
        other = 16 - nearer
        assert len(found & looks[nearer]) > len(found & looks[other])
    # Words that are heavy decide, whatever else is said.
    boat = order(search, image_id=7, compose=composed(["a boat"], method="sum", balance=0.9))[:30]
    heavy = [{"text": "a boat", "weight": 10}, {"text": "in the forest", "weight": 0.1}]
    said = order(search, image_id=7, compose=composed(heavy, method="sum", balance=0.9))[:30]
    assert len(set(boat) & set(said)) > 20


def test_what_is_to_be_less_is_taken_away_by_its_weight(search: FlaskClient) -> None:
    less = order(search, image_id=7, compose={"without": ["a boat"]})
    assert less == order(search, image_id=7, without=["a boat"])
    more = order(search, image_id=7, compose={"without": [{"text": "a boat", "weight": 3}]})
    boats = order(search, text="a boat")[:30]
    place = {name: np.mean([rows.index(boat) for boat in boats]) for name, rows in (("less", less), ("more", more))}
    assert place["more"] > place["less"]
    both = composed(["red"], without=["a boat"], images=[3])
    assert ask(search, image_id=7, compose=both)["total"] == 240


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"compose": {"texts": ["red"]}}, "compose.images"),
        ({"image_id": 7, "compose": {"texts": [" "]}}, "compose.texts"),
        ({"image_id": 7, "compose": {"texts": []}}, "compose.texts"),
        ({"image_id": 7, "compose": {"texts": ["red"], "images": [99_999]}}, "compose.images"),
        ({"image_id": 7, "compose": {"texts": ["red"], "images": [{"id": 99_999}]}}, "compose.images"),
        ({"image_id": 7, "compose": {"texts": [{"text": "red", "weight": 11}]}}, "compose.texts.0.weight"),
        ({"image_id": 7, "compose": {"texts": ["red"], "balance": 1.2}}, "compose.balance"),
        ({"image_id": 7, "compose": {"texts": ["red"], "method": "combiner"}}, "compose.method"),
    ],
)
def test_what_cannot_be_composed_is_named(search: FlaskClient, body: dict[str, Any], field: str) -> None:
    answer = search.post(f"/v1/catalogues/{NAME}/search", json=body)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["error"]["field"] == field


@pytest.fixture
def with_networks(own_data: Path, tiny_models: Path, tmp_path: Path) -> Iterator[Callable[..., FlaskClient]]:
    """Search apps whose model has untrained networks beside it, when the catalogue's head is the model's own."""
    apps: list[Flask] = []
    folder = tmp_path / "models" / "tiny"
    folder.mkdir(parents=True)
    for path in (tiny_models / "tiny").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    for path in (own_data / "catalogues" / NAME).rglob("head.*"):
        (folder / path.name).write_bytes(path.read_bytes())
    encoder = Encoder.load(f"local-dir:{folder}")
    width = encoder.embedding_dim
    Combiner(width, 16, 32).save(folder / COMBINER_FILE)
    tower = InvertedText(encoder.model, encoder.tokenizer)
    Inversion(width, tower.word_width, 16).save(folder / INVERSION_FILE)
    Lift(np.random.default_rng(0).normal(size=(32, width)).astype(np.float32), np.zeros(width, np.float32)).save(
        folder / LIFT_FILE
    )

    def start(**changes: Any) -> FlaskClient:
        settings = SearchSettings(data_dir=own_data, models_dir=tmp_path / "models", **changes)
        apps.append(create_app(settings))
        return wait_until_ready(apps[-1]).test_client()

    yield start
    for app in apps:
        app.extensions["search"].stop()


def test_networks_beside_the_model_are_used_and_a_new_one_is_another_answer(
    with_networks: Callable[..., FlaskClient], tmp_path: Path, own_data: Path
) -> None:
    client = with_networks()
    body = composed(["a red boat"])
    auto = ask(client, image_id=7, compose=body)
    named = {
        name: ask(client, image_id=7, compose={**body, "method": name})
        for name in ("sum", "slerp", "combiner", "inversion")
    }
    assert auto["result_set"] == named["combiner"]["result_set"]
    assert len({answer["result_set"] for answer in named.values()}) == 4
    picture = next((own_data / "sources" / NAME).glob("*.*g")).read_bytes()
    upload = base64.b64encode(picture).decode()
    for method in ("combiner", "inversion"):
        assert ask(client, image=upload, compose={**body, "method": method})["total"] == 240
    look = order(client, image_id=7)
    assert order(client, image_id=7, compose={**body, "method": "inversion", "balance": 0.0})[:50] == look[:50]

    folder = tmp_path / "models" / "tiny"
    Combiner(Combiner.load(folder / COMBINER_FILE).width, 16, 32).save(folder / COMBINER_FILE)
    assert ask(with_networks(), image_id=7, compose=body)["result_set"] != auto["result_set"]
    assert ask(with_networks(compose="slerp"), image_id=7, compose=body)["result_set"] == named["slerp"]["result_set"]


def test_a_network_for_raw_vectors_is_left_out_and_says_why(
    with_networks: Callable[..., FlaskClient], tmp_path: Path
) -> None:
    path = tmp_path / "models" / "tiny" / COMBINER_FILE
    Combiner(Combiner.load(path).width, 16, 32, raw=True).save(path)
    client = with_networks()
    body = composed(["a red boat"])
    inverted = ask(client, image_id=7, compose={**body, "method": "inversion"})
    assert ask(client, image_id=7, compose=body)["result_set"] == inverted["result_set"]
    answer = client.post(
        f"/v1/catalogues/{NAME}/search", json={"image_id": 7, "compose": {**body, "method": "combiner"}}
    )
    assert answer.status_code == 400
    assert answer.json is not None
    assert "train one without --raw" in answer.json["error"]["message"]
