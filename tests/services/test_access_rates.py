"""Rate limits and quotas: who asks too often is told when to come back, and nobody else notices.

All by a clock that only the test moves: how many requests fit into a second is not what is tested here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from pydantic import ValidationError

from clip_branches.access import KeyRing, Passing
from clip_branches.access.passing import ON_BEHALF_OF
from clip_branches.errors import ConfigurationError
from clip_branches.settings import DataSettings
from data_service.app import create_app
from tests.clock import Clock
from tests.services.test_login import Starting, log_in, start
from tests.unit.test_access_keys import made

__all__ = ["start"]
PATH = "/v1/catalogues"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def data(tmp_path: Path) -> Callable[..., Flask]:
    def one(**settings: Any) -> Flask:
        return create_app(DataSettings(**{"data_dir": tmp_path, "access": "keys", "log_level": "ERROR", **settings}))

    return one


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_one_too_many_is_told_when_to_come_back(data: Callable[..., Flask], tmp_path: Path, clock: Clock) -> None:
    ada, bob = (made(tmp_path, name, "--scopes", "read") for name in ("ada", "bob"))
    client = data(rate_limit="5/second;8/minute").test_client()
    answers = [client.get(PATH, headers=bearer(ada)) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[-1].json["error"]["code"] == "too_many_requests"  # type: ignore[index]
    wait = int(answers[-1].headers["Retry-After"])
    assert wait == 1
    assert client.get(PATH, headers=bearer(bob)).status_code == 200
    clock.moves_on(wait)
    assert client.get(PATH, headers=bearer(ada)).status_code == 200
    clock.moves_on(10)
    answers = [client.get(PATH, headers=bearer(ada)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    wait = int(answers[-1].headers["Retry-After"])
    assert wait == 49, "the minute that began 11.25 s ago"
    clock.moves_on(wait - 1)
    assert client.get(PATH, headers=bearer(ada)).status_code == 429
    clock.moves_on(1)
    assert client.get(PATH, headers=bearer(ada)).status_code == 200


def test_a_quota_is_of_a_day(data: Callable[..., Flask], tmp_path: Path, clock: Clock) -> None:
    key = made(tmp_path, "shop", "--scopes", "read", "--quota", "3/day")
    client = data().test_client()
    assert client.get(PATH, headers=bearer(key)).status_code == 200
    clock.moves_on(7_200)
    assert [client.get(PATH, headers=bearer(key)).status_code for _ in range(3)] == [200, 200, 429]
    refused = client.get(PATH, headers=bearer(key))
    assert "3 requests a day" in refused.json["error"]["message"]  # type: ignore[index]
    wait = int(refused.headers["Retry-After"])
    assert wait == 22 * 3_600, "24 hours from the first"
    # Pictures are counted apart: a page shows a hundred.
    assert client.get(f"{PATH}/demo/items/1/image", headers=bearer(key)).status_code in (404, 503)
    clock.moves_on(wait)
    assert client.get(PATH, headers=bearer(key)).status_code == 200


def test_pictures_have_a_limit_of_their_own(data: Callable[..., Flask], tmp_path: Path) -> None:
    key = made(tmp_path, "ada", "--scopes", "read")
    client = data(rate_limit="1/minute", picture_rate_limit="3/minute").test_client()
    picture = f"{PATH}/demo/items/1/image"
    assert [client.get(picture, headers=bearer(key)).status_code == 429 for _ in range(4)] == [False] * 3 + [True]
    assert client.get(PATH, headers=bearer(key)).status_code == 200


def test_wrong_keys_count_against_their_address_and_not_against_a_right_one(
    data: Callable[..., Flask], tmp_path: Path
) -> None:
    key = made(tmp_path, "ada", "--scopes", "read")
    client = data(proxies=1).test_client()

    def ask(text: str, host: str) -> int:
        return client.get(PATH, headers=bearer(text) | {"X-Forwarded-For": host}).status_code

    assert [ask("cb_wrong", "192.0.2.1") for _ in range(31)] == [401] * 30 + [429]
    assert ask("cb_wrong", "192.0.2.2") == 401
    assert ask(key, "192.0.2.1") == 200
    assert [ask("cb_wrong", f"2001:db8::{number}") for number in range(1, 32)] == [401] * 30 + [429]
    assert ask("cb_wrong", "2001:db8:0:1::1") == 401


def test_the_login_page_counts_wrong_keys_too(start: Starting) -> None:
    client = start().test_client()
    assert [log_in(client, "cb_wrong").status_code for _ in range(31)] == [401] * 30 + [429]


def test_what_another_service_has_counted_is_not_counted_again(data: Callable[..., Flask], tmp_path: Path) -> None:
    key = made(tmp_path, "ada", "--scopes", "read", "--quota", "1/day")
    caller = KeyRing(tmp_path).caller(key)
    assert caller is not None
    client = data(rate_limit="1/minute").test_client()
    headers = {ON_BEHALF_OF: Passing(tmp_path).signed(caller, "GET", PATH)}
    assert [client.get(PATH, headers=headers).status_code for _ in range(4)] == [200] * 4


def test_an_open_service_counts_nothing_unless_it_is_told_to(data: Callable[..., Flask]) -> None:
    free = data(access="open").test_client()
    assert {free.get(PATH).status_code for _ in range(700)} == {200}
    limited = data(access="open", rate_limit="2/minute").test_client()
    assert [limited.get(PATH).status_code for _ in range(3)] == [200, 200, 429]
    assert [limited.get("/livez").status_code for _ in range(9)] == [200] * 9


@pytest.mark.parametrize("limit", ["many", "0/minute", "5/fortnight", "5/minute;", "-1/day", "5 per minute"])
def test_a_limit_that_cannot_be_is_said(limit: str) -> None:
    with pytest.raises(ValidationError, match="rate_limit"):
        DataSettings(rate_limit=limit)


@pytest.mark.parametrize("storage", ["nowhere://x", "memory"])
def test_a_storage_that_cannot_be_is_said(data: Callable[..., Flask], storage: str) -> None:
    with pytest.raises(ConfigurationError, match="rate_storage"):
        data(rate_storage=storage)
