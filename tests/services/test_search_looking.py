"""Maps, orders and figures of answers over HTTP: whole, stable, and of the part that is asked for."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.services.conftest import NAME, ask, every_hit


@pytest.fixture
def answer(search: FlaskClient) -> dict[str, Any]:
    return ask(search, text="a boat", limit=5)


def _get(search: FlaskClient, answer: dict[str, Any], part: str) -> dict[str, Any]:
    got = search.get(f"/v1/catalogues/{NAME}/results/{answer['result_set']}{part}")
    assert got.status_code == 200, got.text
    assert got.json is not None
    return got.json


def test_a_map_holds_the_answer_best_first(search: FlaskClient, answer: dict[str, Any]) -> None:
    found = _get(search, answer, "/map")
    assert found["ids"] == [hit["id"] for hit in every_hit(search, answer["result_set"])]
    assert found["total"] == answer["total"] == len(found["x"]) == len(found["y"]) == len(found["group"])
    assert all(0 <= value <= found["grid"] for value in (*found["x"], *found["y"]))
    assert sorted(set(found["group"])) == list(range(found["groups"]))
    assert found == _get(search, answer, "/map")


def test_an_order_by_likeness_has_stable_pages(search: FlaskClient, answer: dict[str, Any]) -> None:
    best = every_hit(search, answer["result_set"])
    alike: list[dict[str, Any]] = []
    while len(alike) < answer["total"]:
        alike += _get(search, answer, f"?order=alike&offset={len(alike)}&limit=7")["hits"]
    assert alike != best
    assert sorted(alike, key=lambda hit: hit["id"]) == sorted(best, key=lambda hit: hit["id"])


def test_figures_count_the_answer_and_the_catalogue(search: FlaskClient, answer: dict[str, Any]) -> None:
    figures = _get(search, answer, "/figures")
    assert figures["total"] == figures["of"] == answer["total"]
    scores = [hit["score"] for hit in every_hit(search, answer["result_set"])]
    assert sum(one["count"] for one in figures["scores"]) == len(scores)
    assert abs(figures["scores"][0]["low"] - min(scores)) < 1e-5
    assert abs(figures["scores"][-1]["high"] - max(scores)) < 1e-5
    for column in figures["columns"]:
        if column["kind"] == "numbers":
            assert all(one["count"] == one["of"] for one in column["bins"])
        else:
            assert all(value["count"] == value["of"] for value in column["values"])
            assert sum(value["count"] for value in column["values"]) <= figures["total"]
            assert max(Counter(value["value"] for value in column["values"]).values()) == 1


def test_an_unknown_order_is_refused(search: FlaskClient, answer: dict[str, Any]) -> None:
    got = search.get(f"/v1/catalogues/{NAME}/results/{answer['result_set']}?order=newest")
    assert got.status_code == 400
    assert got.json is not None
    assert "order" in str(got.json["error"])
