"""Secrets and keys are replaced while services run: nobody is logged out, and no request is refused."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
import requests

from clip_branches.access import LOCAL, ON_BEHALF_OF, Passing
from clip_branches.access.secret import SharedSecret
from clip_branches.errors import DamagedFile
from tests.services.test_gunicorn import Process
from tests.services.test_login import Starting, log_in, start, token_of
from tests.unit.test_access_keys import access, made

__all__ = ["start"]
ASKED = ("GET", "/v1/catalogues")


def test_sessions_and_open_pages_outlive_their_secret(start: Starting, tmp_path: Path) -> None:
    client, key = start().test_client(), made(tmp_path, "ada", "--scopes", "read,label")
    log_in(client, key)
    shown = re.search(r'data-csrf="([^"]+)"', client.get("/").text)
    assert shown is not None

    def changed() -> int:
        """A change by a page that was open all the while."""
        body = {"expression": {"search": "0" * 12}}
        headers = {"X-CSRF-Token": shown[1]}
        return client.post("/api/saved/collections/count", json=body, headers=headers).status_code

    assert changed() == 404
    for _ in range(2):
        assert access(tmp_path, "rotate").exit_code == 0
        assert (client.get("/api/saved").status_code, changed()) == (200, 404)
    later = start().test_client()
    log_in(later, key)
    assert access(tmp_path, "rotate", "--finish").output.startswith("2 former")
    assert client.get("/api/saved").status_code == 401
    assert later.get("/api/saved").status_code == 200, "signed with the newest"
    log_in(client, key)
    assert client.get("/api/saved").status_code == 200
    left = client.post("/logout", data={"csrf_token": token_of(client.get("/").text)})
    assert left.status_code == 303


def test_a_secret_that_is_removed_ends_sessions_at_once(start: Starting, tmp_path: Path) -> None:
    client, key = start().test_client(), made(tmp_path, "ada", "--scopes", "read")
    log_in(client, key)
    (tmp_path / "access" / "secret").unlink()
    assert client.get("/api/saved").status_code == 401


def test_a_secret_that_somebody_damages_lets_nobody_out(tmp_path: Path) -> None:
    passing = Passing(tmp_path)
    value = passing.signed(LOCAL, *ASKED)
    kept = (tmp_path / "access" / "secret").read_text()
    (tmp_path / "access" / "secret").write_text(kept + "\nshort")
    assert passing.caller(value, *ASKED) == LOCAL
    with pytest.raises(DamagedFile, match="secret"):
        SharedSecret(tmp_path).keys_for("x")
    (tmp_path / "access" / "secret").write_text(kept)
    assert passing.caller(value, *ASKED) == LOCAL


@pytest.mark.slow
def test_a_running_service_takes_the_new_beside_the_old(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    old = made(folder, "ada", "--scopes", "read")
    signs = Passing(folder)
    service = Process("data", folder, tmp_path / "models", access="keys")
    service.start()
    try:
        service.wait("/livez", seconds=280)

        def status(headers: dict[str, str]) -> int:
            return requests.get(service.url + ASKED[1], headers=headers, timeout=60).status_code

        def signed() -> dict[str, str]:
            return {ON_BEHALF_OF: signs.signed(LOCAL, *ASKED)}

        assert status(signed()) == 200
        thief = tmp_path / "thief" / "access"  # who holds a copy of the secret there was at first
        thief.mkdir(parents=True)
        (thief / "secret").write_bytes((folder / "access" / "secret").read_bytes())

        def signed_before() -> dict[str, str]:
            return {ON_BEHALF_OF: Passing(tmp_path / "thief").signed(LOCAL, *ASKED)}

        access(folder, "rotate")
        assert (status(signed_before()), status(signed())) == (200, 200)
        # A key: the new one is made and used, then the old one is revoked.
        new = made(folder, "ada-2", "--scopes", "read")
        assert [status({"Authorization": f"Bearer {key}"}) for key in (old, new)] == [200, 200]
        access(folder, "revoke", "ada")
        assert [status({"Authorization": f"Bearer {key}"}) for key in (old, new)] == [401, 200]
        access(folder, "rotate", "--finish")
        assert (status(signed_before()), status(signed())) == (401, 200)
    finally:
        service.send(signal.SIGTERM)
        service.ended(120)
