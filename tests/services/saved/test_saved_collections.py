"""Collections over HTTP, in SQLite and in PostgreSQL: sets made of saved answers, exactly."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.services.saved.conftest import good, refined, save, search, wrong

ROOT = "/api/saved/collections"


def ids_of(web: FlaskClient, path: str) -> list[int]:
    total = good(web.get(f"{path}/items", query_string={"limit": 1}))["total"]
    found: list[int] = []
    for offset in range(0, total, 90):
        found += [hit["id"] for hit in good(web.get(f"{path}/items?offset={offset}&limit=90"))["hits"]]
    assert len(found) == total
    return found


@pytest.fixture
def saved(web: FlaskClient) -> list[dict[str, Any]]:
    """Three saved searches: two that a model answered, and a ranking of the whole catalogue."""
    ids = [hit["id"] for hit in search(web, text="blue", limit=60)["hits"]]
    other = search(web, text="blue", positive=ids[:5], negative=ids[-5:])
    return [save(web, refined(web), "reds"), save(web, other, "blues"), save(web, search(web, text="x"), "all")]


def test_a_collection_is_the_set_that_its_expression_says(web: FlaskClient, saved: list[dict[str, Any]]) -> None:
    reds, blues, everything = ({"search": entry["id"]} for entry in saved)
    a, b, u = (set(ids_of(web, f"/api/saved/searches/{entry['id']}")) for entry in saved)
    assert a & b
    assert a - b
    for expression, expected in (
        ({"and": [reds, blues]}, a & b),
        ({"or": [reds, blues]}, a | b),
        ({"and": [reds, {"not": blues}]}, a - b),
        ({"and": [everything, {"not": {"or": [reds, blues]}}]}, u - (a | b)),
    ):
        assert good(web.post(f"{ROOT}/count", json={"expression": expression}))["total"] == len(expected)
        made = good(web.post(ROOT, json={"name": "set", "expression": expression}), 201)
        assert made["total"] == len(expected)
        found = ids_of(web, f"{ROOT}/{made['id']}")
        assert set(found) == expected
        assert made["cover"] == found[:6]
        assert good(web.get(f"{ROOT}/{made['id']}")) == made
    assert len(good(web.get("/api/saved"))["collections"]) == 4


def test_it_is_changed_deleted_and_brought_back(web: FlaskClient, saved: list[dict[str, Any]]) -> None:
    reds, blues, _ = ({"search": entry["id"]} for entry in saved)
    made = good(web.post(ROOT, json={"name": "set", "expression": {"or": [reds, blues]}}), 201)
    path = f"{ROOT}/{made['id']}"
    changed = good(web.patch(path, json={"version": 1, "name": "both", "expression": {"and": [reds, blues]}}))
    assert changed["total"] < made["total"]
    assert set(changed["parts"].values()) == {"reds", "blues"}
    wrong(web.patch(path, json={"version": 1, "name": "late"}), 409, "conflict")
    # A search that something is made of stays until that is gone; then both come back together.
    refused = web.delete(f"/api/saved/searches/{saved[0]['id']}", json={"version": 1})
    assert "“reds” is part of “both”" in wrong(refused, 409, "conflict")
    assert good(web.get("/api/saved"))["searches"][-1]["used_by"] == ["both"]
    deleted = good(web.delete(path, json={"version": 2}))
    good(web.delete(f"/api/saved/searches/{saved[0]['id']}", json={"version": 1}))
    assert good(web.get("/api/saved"))["collections"] == []
    back = good(web.post(f"{path}/restore", json={"version": deleted["version"]}))
    assert back["total"] == changed["total"]
    assert len(good(web.get("/api/saved"))["searches"]) == 3


def test_what_cannot_be_a_collection_is_said(web: FlaskClient, saved: list[dict[str, Any]]) -> None:
    reds = {"search": saved[0]["id"]}
    for expression, status, code, words in (
        ({"not": reds}, 400, "invalid_input", "must say what it holds"),
        ({"xor": [reds, reds]}, 400, "invalid_input", "must be one of"),
        ({"search": "nothing"}, 404, "unknown_saved", "no saved search"),
        ({"or": []}, 400, "invalid_input", "must be one of"),
    ):
        for answer in (
            web.post(ROOT, json={"name": "set", "expression": expression}),
            web.post(f"{ROOT}/count", json={"expression": expression}),
        ):
            assert words in wrong(answer, status, code)
    assert good(web.get("/api/saved"))["collections"] == []
