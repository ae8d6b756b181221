"""clip-retrieval's and clip-image-search's calls, as their own clients make them."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from clip_branches.catalogue import Catalogue
from search_service.fetching import Fetcher
from tests.pipeline.support import Preprocessing, write_images
from tests.services.conftest import IMAGES, NAME, ask

# The bytes that clip-retrieval's ClipClient(url, "noise", num_images=5).query(text="a red thing") posts, in its order
# of keys, with its defaults, and without a content type.
CLIENT = (
    b'{"text": "a red thing", "image": null, "image_url": null, "embedding_input": null, "deduplicate": true, '
    b'"use_safety_model": true, "use_violence_detector": true, "indice_name": "noise", "use_mclip": false, '
    b'"aesthetic_score": 9, "aesthetic_weight": 0.5, "modality": "image", "num_images": 5, "num_result_ids": 5}'
)
# What its web page posts.
PAGE = (
    b'{"text":"a red thing","image":null,"image_url":null,"modality":"image","num_images":3,"indice_name":"noise",'
    b'"num_result_ids":10,"use_mclip":false,"deduplicate":true,"use_safety_model":true,"use_violence_detector":true}'
)


def knn(client: FlaskClient, **fields: Any) -> Any:
    body = {"indice_name": NAME, "modality": "image", "num_images": 5, **fields}
    answer = client.post("/knn-service", data=json.dumps(body))
    assert answer.status_code == 200, answer.text
    return answer.json


def refused(client: FlaskClient, path: str = "/knn-service", status: int = 400, **fields: Any) -> dict[str, Any]:
    answer = client.post(path, data=json.dumps(fields))
    assert answer.status_code == status, answer.text
    return dict(answer.json["error"])  # type: ignore[index]


def file_of(data: Path, item: int) -> bytes:
    catalogue = Catalogue.open(data / "catalogues" / NAME)
    return catalogue.image_bytes(catalogue.items([item])[0][0]["source"])


def test_the_clients_own_bytes_are_answered_as_it_expects(search: FlaskClient) -> None:
    answer = search.post("/knn-service", data=CLIENT)
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    hits = json.loads(answer.data)
    expected = ask(search, text="a red thing", limit=5)["hits"]
    assert [(hit["id"], hit["similarity"]) for hit in hits] == [(hit["id"], hit["score"]) for hit in expected]
    for hit in hits:
        assert isinstance(hit["caption"], str)
        assert "url" not in hit  # the page would show it, and there is none
        with Image.open(io.BytesIO(base64.b64decode(hit["image"]))) as image:
            assert (image.format, max(image.size)) == ("JPEG", 384)
    ignored = answer.headers["X-Ignored-Options"].split(", ")
    assert ignored == ["use_safety_model", "use_violence_detector", "aesthetic_score", "deduplicate"]


def test_the_pages_own_bytes_give_hits_in_full_and_ids_beyond(search: FlaskClient) -> None:
    assert json.loads(search.get("/indices-list").data) == [NAME]
    hits = json.loads(search.post("/knn-service", data=PAGE).data)
    assert len(hits) == 10
    assert all("image" in hit for hit in hits[:3])
    assert all(set(hit) == {"id", "similarity"} for hit in hits[3:])
    more = search.post("/metadata", data=json.dumps({"ids": [hit["id"] for hit in hits[3:]], "indice_name": NAME}))
    rows = json.loads(more.data)
    assert [row["id"] for row in rows] == [hit["id"] for hit in hits[3:]]
    assert all({"caption", "image", "image_path"} <= set(row["metadata"]) for row in rows)
    assert json.loads(search.post("/metadata", data=b'{"ids": [], "indice_name": "noise"}').data) == []


def test_an_image_or_its_vector_finds_the_image(search: FlaskClient, noise_data: Path) -> None:
    item = ask(search, text="red")["hits"][0]["id"]
    image = base64.b64encode(file_of(noise_data, item)).decode()
    assert knn(search, image=image)[0]["id"] == item
    assert [hit["id"] for hit in knn(search, text="", image=image)] == [hit["id"] for hit in knn(search, image=image)]
    hits = knn(search, embedding_input=[0.5] * 32, num_images=1000)
    assert len({hit["id"] for hit in hits}) == IMAGES
    assert "32" in refused(search, embedding_input=[1.0] * 7)["message"]


def test_of_images_that_look_alike_the_best_is_given(
    start_search: Callable[..., Flask], tiny_models: Path, tmp_path: Path
) -> None:
    source = tmp_path / "twins"
    for number, path in enumerate(write_images(source, 40, size=64)):
        if number % 2:
            with Image.open(path) as image:
                image.resize((96, 96)).save(path.with_name(f"twin-{path.stem}.png"))
    Preprocessing(tiny_models, tmp_path).build(source, "--near-duplicates", "group", name=NAME)
    client = start_search(tmp_path).test_client()
    groups = {
        item["id"]: item["metadata"]["alike"]
        for item in Catalogue.open(tmp_path / "catalogues" / NAME).items(range(1, 61))[0]
    }
    assert len(groups) == 60
    every = [hit["id"] for hit in knn(client, text="red", num_images=100)]
    seen: set[str | None] = set()
    expected = []
    for item in every:
        if groups[item] is None or groups[item] not in seen:
            expected.append(item)
            seen.add(groups[item])
    assert 20 <= len(expected) < 60
    answer = client.post("/knn-service", data=CLIENT.replace(b"a red thing", b"red"))
    assert [hit["id"] for hit in json.loads(answer.data)] == expected[:5]
    assert "deduplicate" not in answer.headers["X-Ignored-Options"]
    assert [hit["id"] for hit in knn(client, text="red", num_images=100, deduplicate=True)] == expected


def test_the_text_modality_is_of_images_with_a_caption(search: FlaskClient) -> None:
    assert knn(search, text="red", modality="text") == knn(search, text="red")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "text"),
        ({"text": "x", "use_mclip": True}, "use_mclip"),
        ({"text": "x", "modality": "sound"}, "modality"),
        ({"text": "x", "num_images": 0}, "num_images"),
        ({"text": "x", "colour": 1}, "colour"),
        ({"image": "no base64!"}, "image"),
        ({"image": base64.b64encode(b"no image").decode()}, "image"),
        ({"image_url": "http://example.com/a.png"}, "image_url"),
        ({"embedding_input": [0.0] * 32}, "embedding_input"),
    ],
)
def test_wrong_input_is_named(search: FlaskClient, fields: dict[str, Any], field: str) -> None:
    answer = search.post("/knn-service", data=json.dumps({"indice_name": NAME, **fields}))
    assert answer.status_code in (400, 415)
    assert answer.json is not None
    assert answer.json["error"]["field"] == field


def test_what_is_not_there_is_said(search: FlaskClient) -> None:
    assert refused(search, status=404, text="x", indice_name="laion5B")["code"] == "unknown_catalogue"
    assert "999999" in refused(search, "/metadata", 404, ids=[999_999], indice_name=NAME)["message"]
    assert search.post("/knn-service", data=b"[1]").status_code == 400


def test_the_text_or_image_call(search: FlaskClient, noise_data: Path) -> None:
    path = f"/v1/catalogues/{NAME}/image-search"
    answer = search.post(path, json={"input_type": "text", "query": "a red thing"}).json
    assert answer is not None
    assert (answer["status_code"], answer["message"], len(answer["body"])) == (200, "Success", 10)
    expected = ask(search, text="a red thing", limit=10)["hits"]
    assert [(hit["_id"], hit["_score"]) for hit in answer["body"]] == [
        (str(hit["id"]), hit["score"]) for hit in expected
    ]
    first = expected[0]["id"]
    assert answer["body"][0]["_source"]["url"] == f"http://127.0.0.1:5001/v1/catalogues/{NAME}/items/{first}/image"
    image = base64.b64encode(file_of(noise_data, first)).decode()
    found = search.post(path, json={"input_type": "image", "query": image}).json
    assert found is not None
    assert found["body"][0]["_id"] == str(first)
    for body, says in [
        ({"input_type": "image", "query": "http://127.0.0.1/a.png"}, "switched off"),
        ({"input_type": "image", "query": "file:///etc/passwd"}, "switched off"),
    ]:
        wrong = search.post(path, json=body)
        assert wrong.json is not None
        assert (wrong.status_code, wrong.json["status_code"]) == (400, 400)
        assert says in wrong.json["message"]


def test_images_by_address_and_pages_of_another_origin_have_to_be_switched_on(
    start_search: Callable[..., Flask], own_data: Path, search: FlaskClient
) -> None:
    assert "Access-Control-Allow-Origin" not in search.get("/indices-list").headers
    app = start_search(own_data, image_urls=True, cors_origin="https://front.example")
    client = app.test_client()
    assert client.get("/indices-list").headers["Access-Control-Allow-Origin"] == "https://front.example"
    assert client.options("/knn-service").headers["Access-Control-Allow-Headers"] == "Content-Type"
    assert "Access-Control-Allow-Origin" not in client.get("/v1/catalogues").headers
    for address in ("http://127.0.0.1/a.png", "http://169.254.169.254/latest/meta-data", "file:///etc/passwd"):
        told = refused(client, image_url=address, indice_name=NAME)
        assert told["field"] == "image_url"
    addresses = app.extensions["addresses"]
    assert isinstance(addresses.fetcher, Fetcher)

    folder = own_data / "sources" / NAME
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        addresses.fetcher = replace(addresses.fetcher, allowed=lambda address: True)
        item = Catalogue.open(own_data / "catalogues" / NAME).items([1])[0][0]
        name = Path(item["source"]).name
        hits = knn(client, image_url=f"http://127.0.0.1:{server.server_port}/{name}")
        assert hits[0]["caption"] == item["caption"]
        # The project's own search takes an address, too, and words that change what is there.
        address = f"http://127.0.0.1:{server.server_port}/{name}"
        root = f"/v1/catalogues/{NAME}/search"
        found = client.post(root, json={"image_url": address}).json
        own = base64.b64encode((folder / name).read_bytes()).decode()
        assert found["result_set"] == client.post(root, json={"image": own}).json["result_set"]
        assert client.post(root, json={"image_url": address, "compose": {"texts": ["red"]}}).status_code == 200
        both = client.post(root, json={"image_url": address, "image": own})
        assert (both.status_code, both.json["error"]["field"]) == (400, "image_url")
        server.shutdown()
    off = search.post(f"/v1/catalogues/{NAME}/search", json={"image_url": "http://example.com/a.png"})
    assert (off.status_code, off.json["error"]["field"]) == (400, "image_url")
