"""Saved searches over HTTP, in SQLite and in PostgreSQL: saved, changed, deleted, run again on a grown catalogue."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.pipeline.support import Preprocessing, write_images
from tests.services.conftest import NAME, wait_for
from tests.services.saved.conftest import StartWeb, good, refined, save, search, wrong

ROOT = "/api/saved/searches"


def items(web: FlaskClient, key: str, **query: object) -> list[int]:
    """All ids of a side, page by page."""
    found: list[int] = []
    while True:
        asked = {"offset": len(found), "limit": 50, **query}
        page = good(web.get(f"{ROOT}/{key}/items", query_string=asked))
        found += [hit["id"] for hit in page["hits"]]
        if not page["hits"]:
            assert len(found) == page["total"]
            return found


def test_a_search_is_saved_with_all_that_it_was(web: FlaskClient) -> None:
    answer = refined(web, terms=[{"text": "blue", "weight": 2}], without=["green"])
    saved = save(web, answer, "Reds “1”", notes="two\nlines", address="?catalogue=noise&q=red#r=0A")
    assert saved["total"] == answer["total"]
    assert saved["generation"] == answer["generation"]
    assert (saved["right_marks"], saved["wrong_marks"], saved["version"]) == (4, 4, 1)
    assert saved["asked"]["text"] == "red"
    assert saved["asked"]["terms"] == [["blue", 2.0]]
    assert saved["asked"]["without"] == ["green"]
    ids = good(web.get(f"/api/catalogues/{NAME}/results/{answer['result_set']}/ids"))["ids"]
    assert items(web, saved["id"]) == ids
    assert saved["cover"] == ids[:6]
    listing = good(web.get("/api/saved"))
    assert [entry["id"] for entry in listing["searches"]] == [saved["id"]]
    whole = good(web.get(f"{ROOT}/{saved['id']}"))
    assert {**whole, "right": [], "wrong": []} == saved
    assert (len(whole["right"]), len(whole["wrong"])) == (4, 4)


def test_a_part_of_an_answer_is_saved_as_a_part(web: FlaskClient) -> None:
    answer = refined(web)
    where = [f"@box:{answer['boxes'][0]['id']}"]
    part = good(web.get(f"/api/catalogues/{NAME}/results/{answer['result_set']}/ids", query_string={"where": where}))
    saved = save(web, answer, where=where)
    assert items(web, saved["id"]) == part["ids"]
    assert good(web.post(f"{ROOT}/{saved['id']}/run", json={}))["came_in"] == 0
    none = save(web, answer, where=["width:0..1"])
    assert (none["total"], none["cover"], items(web, none["id"])) == (0, [], [])


def test_it_is_renamed_deleted_and_brought_back(web: FlaskClient) -> None:
    saved = save(web, search(web, text="red"))
    path = f"{ROOT}/{saved['id']}"
    renamed = good(web.patch(path, json={"version": 1, "name": "Rouge", "notes": "n"}))
    assert (renamed["name"], renamed["notes"], renamed["version"]) == ("Rouge", "n", 2)
    deleted = good(web.delete(path, json={"version": 2}))
    assert good(web.get("/api/saved"))["searches"] == []
    assert "can be brought back" in wrong(web.get(path), 404, "unknown_saved")
    back = good(web.post(f"{path}/restore", json={"version": deleted["version"]}))
    assert good(web.get("/api/saved"))["searches"][0]["name"] == back["name"] == "Rouge"


def test_two_tabs_lose_nothing(web: FlaskClient) -> None:
    saved = save(web, search(web, text="red"))
    path = f"{ROOT}/{saved['id']}"
    good(web.patch(path, json={"version": 1, "name": "first tab"}))
    for late in (
        web.patch(path, json={"version": 1, "name": "second tab"}),
        web.delete(path, json={"version": 1}),
        web.post(f"{path}/renew", json={"version": 1, "result_set": saved["result_set"]}),
    ):
        assert "“first tab” was changed elsewhere" in wrong(late, 409, "conflict")
    assert good(web.get(path))["name"] == "first tab"


def test_of_many_changes_at_once_one_wins(web: FlaskClient) -> None:
    saved = save(web, search(web, text="red"))

    def change(number: int) -> int:
        client = web.application.test_client()
        return client.patch(f"{ROOT}/{saved['id']}", json={"version": 1, "name": f"name {number}"}).status_code

    with ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(change, range(12)))
    assert sorted(statuses) == [200, *[409] * 11]
    assert good(web.get(f"{ROOT}/{saved['id']}"))["version"] == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"notes": "\ud800"}, "notes"),
        ({"notes": "x" * 20_001}, "notes"),
        ({"address": "//elsewhere.example/"}, "address"),
        ({"result_set": "nothing"}, "result_set"),
        ({"catalogue": "../secret"}, "catalogue"),
        ({"where": ["caption"]}, "where"),
        ({"more": 1}, "more"),
    ],
)
def test_bad_input_is_said_in_one_error(web: FlaskClient, change: dict[str, object], field: str) -> None:
    answer = search(web, text="red")
    body = {"name": "reds", "catalogue": NAME, "result_set": answer["result_set"], **change}
    refused = web.post(ROOT, json=body)
    wrong(refused, 400, "invalid_input")
    assert refused.json is not None
    assert refused.json["error"]["field"] == field
    assert good(web.get("/api/saved"))["searches"] == []


def test_what_is_not_there_is_said(web: FlaskClient) -> None:
    body = {"name": "x", "catalogue": NAME, "result_set": "0" * 32}
    wrong(web.post(ROOT, json=body), 404, "unknown_result_set")
    wrong(web.post(ROOT, json={**body, "catalogue": "none"}), 404, "unknown_catalogue")
    wrong(web.get(f"{ROOT}/nothing"), 404, "unknown_saved")
    wrong(web.post(f"{ROOT}/nothing/run", json={}), 404, "unknown_saved")
    wrong(web.post(f"{ROOT}/nothing/run", data="x"), 415, "unsupported_media_type")


def test_an_uploaded_image_is_kept_and_asked_again(web: FlaskClient, noise_data: Path) -> None:
    import base64

    image = base64.b64encode(next((noise_data / "sources" / NAME).glob("*.png")).read_bytes()).decode()
    answer = search(web, image=image)
    saved = save(web, answer, image=image)
    assert saved["asked"]["image"] is True
    assert good(web.get(f"{ROOT}/{saved['id']}"))["image"] == image
    assert good(web.post(f"{ROOT}/{saved['id']}/run", json={}))["result_set"] == answer["result_set"]
    without = save(web, answer, "without it")
    assert "not kept with it" in wrong(web.post(f"{ROOT}/{without['id']}/run", json={}), 400, "invalid_input")


@pytest.mark.timeout(600)
def test_run_again_on_a_grown_catalogue_it_says_what_is_new_and_what_is_gone(
    own_data: Path,
    tiny_models: Path,
    start_search: Callable[..., Flask],
    start_data: Callable[..., Flask],
    start_web: StartWeb,
    database_url: str,
) -> None:
    searching, data = start_search(own_data), start_data(own_data)
    web = start_web(searching, data, database_url)
    ranked, labelled = save(web, search(web, text="red"), "ranked"), save(web, refined(web), "labelled")
    same = good(web.post(f"{ROOT}/{labelled['id']}/run", json={}))
    assert (same["came_in"], same["went_out"], same["total"]) == (0, 0, labelled["total"])
    before = {entry["id"]: items(web, entry["id"]) for entry in (ranked, labelled)}

    preprocessing, source = Preprocessing(tiny_models, own_data), own_data / "sources" / NAME
    preprocessing.build(source, name=NAME)  # the copy's own folder of pictures
    write_images(source / "more", 40, size=64, seed=7)
    preprocessing("add", NAME, "--workers", 1, "--threads", 1)
    gone = [before[labelled["id"]][1], *before[ranked["id"]][-2:]]
    ranking = [hit["id"] for hit in search(web, text="red", limit=40)["hits"]]
    first_right, marked = ranking[0], {*ranking[:4], *ranking[-4:]}
    preprocessing("delete", NAME, *(f"--id={item}" for item in {*gone, first_right}))
    for app in (searching, data):
        wait_for(app, lambda app=app: _generation(app) == 4)  # type: ignore[misc]

    for saved in (ranked, labelled):
        path = f"{ROOT}/{saved['id']}"
        ran = good(web.post(f"{path}/run", json={}))
        now = good(web.get(f"/api/catalogues/{NAME}/results/{ran['result_set']}/ids"))["ids"]
        assert ran["total"] == len(now)
        new = [item for item in now if item not in set(before[saved["id"]])]
        left = [item for item in before[saved["id"]] if item not in set(now)]
        assert items(web, saved["id"], side="in", result_set=ran["result_set"]) == new
        assert items(web, saved["id"], side="out", result_set=ran["result_set"]) == left
        assert (ran["came_in"], ran["went_out"]) == (len(new), len(left))
        assert set(gone) & set(before[saved["id"]]) <= set(left)
        # The answer stays as it was saved until the new one is kept.
        assert items(web, saved["id"]) == before[saved["id"]]
        kept = good(web.post(f"{path}/renew", json={"version": 1, "result_set": ran["result_set"]}))
        assert (kept["total"], kept["version"], kept["generation"]) == (len(now), 2, ran["generation"])
        assert items(web, saved["id"]) == now
        again = good(web.post(f"{path}/run", json={}))
        assert (again["came_in"], again["went_out"]) == (0, 0)
    assert ran["marks_gone"] == len({*gone, first_right} & marked) > 0
    other = search(web, text="blue")
    refused = web.post(f"{ROOT}/{ranked['id']}/renew", json={"version": 2, "result_set": other["result_set"]})
    assert "of the same search" in wrong(refused, 400, "invalid_input")


def _generation(app: Flask) -> int:
    shelf = app.extensions["search"].shelf if "search" in app.extensions else app.extensions["shelf"]
    entry = shelf.get(NAME)
    return int(getattr(entry, "catalogue", entry).generation)
