"""What a page of another site makes a browser send changes nothing, with a session and without."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.services.test_login import Starting, log_in, start, token_of
from tests.unit.test_access_keys import made

__all__ = ["start"]
PATH = "/api/saved/collections/count"
BODY = {"expression": {"search": "0" * 12}}  # a search that is not there: 404 is what is let through
HERE, ELSEWHERE = "http://page.example", "https://evil.example"


def asked(client: FlaskClient, headers: dict[str, str]) -> int:
    answer = client.post(PATH, json=BODY, base_url=HERE, headers=headers)
    if answer.status_code == 403:
        assert answer.json is not None
        assert answer.json["error"]["code"] == "not_allowed"
        assert "page.example" in answer.json["error"]["message"]
    return answer.status_code


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 404),
        ({"Sec-Fetch-Site": "same-origin", "Origin": HERE}, 404),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://page.example"}, 404),
        ({"Sec-Fetch-Site": "none"}, 404),
        ({"Origin": HERE}, 404),
        ({"Origin": HERE.upper()}, 404),
        ({"Origin": "null"}, 404),
        ({"Sec-Fetch-Site": "cross-site", "Origin": ELSEWHERE}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": HERE}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://other.page.example"}, 403),
        ({"Sec-Fetch-Site": "what"}, 403),
        ({"Origin": ELSEWHERE}, 403),
        ({"Origin": f"{HERE}:81"}, 403),
        ({"Origin": f"{HERE}.evil.example"}, 403),
        ({"Origin": "http://page.example@evil.example"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Origin": ""}, 403),
    ],
)
def test_a_request_of_another_site_changes_nothing(
    start: Starting, tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    key = made(tmp_path, "ada", "--scopes", "read,label")
    assert asked(start(access="open").test_client(), headers) == status
    app = start()
    client = app.test_client()
    log_in(client, key, base_url=HERE)
    token = {"X-CSRF-Token": token_of(client.get("/", base_url=HERE).text)}
    assert asked(client, headers | token) == status
    # A key is not what a browser sends by itself.
    assert asked(app.test_client(), headers | {"Authorization": f"Bearer {key}"}) == 404
    # Nor is anybody logged in or out from elsewhere, with a token that was caught.
    form = {"csrf_token": token["X-CSRF-Token"]}
    assert client.post("/logout", data=form, base_url=HERE, headers=headers).status_code == (
        303 if status == 404 else 403
    )


def test_looking_is_free_to_come_from_anywhere(start: Starting) -> None:
    """A link on another site leads to the page."""
    client = start(access="open").test_client()
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200
