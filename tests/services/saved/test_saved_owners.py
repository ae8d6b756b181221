"""What somebody saved is theirs: others neither see, nor change, nor learn of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.services.conftest import NAME
from tests.services.saved.conftest import StartWeb, good, save, search
from tests.unit.test_access_keys import access, made

Starting = Callable[..., Flask]


class As:
    """The web service as the holder of a key uses it."""

    def __init__(self, client: FlaskClient, key: str) -> None:
        self._client, self._headers = client, {"Authorization": f"Bearer {key}"}

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return lambda path, **options: getattr(self._client, method)(path, headers=self._headers, **options)


@pytest.fixture
def people(
    own_data: Path, start_search: Starting, start_data: Starting, start_web: StartWeb, database_url: str
) -> tuple[As, As]:
    keys = [made(own_data, name, "--scopes", "read,label") for name in ("ada", "bob")]
    client = start_web(start_search(own_data), start_data(own_data), database_url, data_dir=own_data, access="keys")
    return As(client, keys[0]), As(client, keys[1])


def listed(web: Any) -> tuple[list[str], list[str]]:
    told = good(web.get("/api/saved"))
    return [one["name"] for one in told["searches"]], [one["name"] for one in told["collections"]]


def test_nobody_sees_or_changes_what_another_saved(people: tuple[As, As]) -> None:
    ada, bob = people
    mine = save(ada, search(ada, text="red"))  # type: ignore[arg-type]
    expression = {"search": mine["id"]}
    made_of_it = good(ada.post("/api/saved/collections", json={"name": "set", "expression": expression}), 201)
    assert listed(ada) == (["reds"], ["set"])
    assert listed(bob) == ([], [])
    run = {"result_set": mine["result_set"], "version": 1}
    for kind, one in (("searches", mine), ("collections", made_of_it)):
        root = f"/api/saved/{kind}/{one['id']}"
        asked: list[tuple[str, str, Any]] = [
            ("get", root, None),
            ("get", f"{root}/items", None),
            ("get", f"{root}/export?format=csv", None),
            ("patch", root, {"version": 1, "name": "bob's"}),
            ("delete", root, {"version": 1}),
            ("post", f"{root}/restore", {"version": 1}),
        ]
        if kind == "searches":
            asked += [("post", f"{root}/run", {}), ("post", f"{root}/renew", run)]
        for method, path, body in asked:
            options = {} if body is None else {"json": body}
            his = getattr(bob, method)(path, **options)
            never = getattr(bob, method)(path.replace(one["id"], "0" * 12), **options)
            assert his.status_code == never.status_code == 404, (method, path, his.text)
            assert his.text.replace(one["id"], "0" * 12) == never.text
    for path, body in (
        ("/api/saved/collections", {"name": "his", "expression": expression}),
        ("/api/saved/collections/count", {"expression": expression}),
    ):
        assert bob.post(path, json=body).status_code == 404
    assert good(ada.get(f"/api/saved/searches/{mine['id']}"))["name"] == "reds"
    assert listed(ada) == (["reds"], ["set"])


def test_each_has_their_own_of_the_same_answer(people: tuple[As, As]) -> None:
    ada, bob = people
    answer = search(ada, text="red")  # type: ignore[arg-type]
    hers, his = save(ada, answer, "hers"), save(bob, answer, "his")  # type: ignore[arg-type]
    assert (listed(ada)[0], listed(bob)[0]) == (["hers"], ["his"])
    good(bob.delete(f"/api/saved/searches/{his['id']}", json={"version": 1}))
    assert listed(ada)[0] == ["hers"]
    good(ada.delete(f"/api/saved/searches/{hers['id']}", json={"version": 1}))
    good(ada.post(f"/api/saved/searches/{hers['id']}/restore", json={"version": 2}))
    assert (listed(ada)[0], listed(bob)[0]) == (["hers"], [])


def test_what_is_of_a_catalogue_that_one_sees_no_more_is_not_there(people: tuple[As, As], own_data: Path) -> None:
    ada, _ = people
    mine = save(ada, search(ada, text="red"))  # type: ignore[arg-type]
    good(ada.get(f"/api/saved/searches/{mine['id']}/items"))
    access(own_data, "private", NAME)
    assert listed(ada) == ([], [])
    for path in ("", "/items", "/export?format=csv"):
        assert ada.get(f"/api/saved/searches/{mine['id']}{path}").status_code == 404
    access(own_data, "public", NAME)
    assert listed(ada)[0] == ["reds"]


def test_what_was_saved_in_the_open_is_of_whoever_uses_it_so(
    own_data: Path, start_search: Starting, start_data: Starting, start_web: StartWeb, database_url: str
) -> None:
    search_app, data_app = start_search(own_data), start_data(own_data)
    local = start_web(search_app, data_app, database_url, data_dir=own_data)
    save(local, search(local, text="red"), "local")
    assert not (own_data / "access").exists()
    key = made(own_data, "ada", "--scopes", "read,label")
    keyed = start_web(search_app, data_app, database_url, data_dir=own_data, access="keys")
    ada = As(keyed, key)
    assert listed(ada) == ([], [])
    save(ada, search(ada, text="blue"), "hers")  # type: ignore[arg-type]
    assert listed(local)[0] == ["local"]
    assert "owner" not in json.dumps(good(ada.get("/api/saved")))
