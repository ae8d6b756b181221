"""Logging in with a key or by an issuer: what the cookie is, what it opens, and what other sites cannot do with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from joserfc.jwk import RSAKey

from clip_branches.errors import ConfigurationError
from clip_branches.settings import WebSettings
from tests.issuer import CLIENT, SECRET, Issuer
from tests.running import free_ports
from tests.services.saved.conftest import served
from tests.unit.test_access_keys import access, made
from web_service.app import create_app

Starting = Callable[..., Flask]


@pytest.fixture
def start(tmp_path: Path) -> Starting:
    """Web services whose other services are away: what is tested here comes before them."""
    away = [f"http://127.0.0.1:{port}" for port in free_ports(2)]

    def one(**settings: Any) -> Flask:
        values = {"data_dir": tmp_path, "access": "keys", "search_url": away[0], "data_url": away[1]}
        return create_app(WebSettings(**{**values, "log_level": "ERROR", **settings}))

    return one


def token_of(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None, page[:500]
    return found[1]


def log_in(client: FlaskClient, key: str, next_page: str = "", **options: Any) -> Any:
    form = {"csrf_token": token_of(client.get("/login", **options).text), "key": key, "next": next_page}
    return client.post("/login", data=form, **options)


def test_a_page_leads_to_the_login_and_back(start: Starting, tmp_path: Path) -> None:
    client, key = start().test_client(), made(tmp_path, "ada", "--scopes", "read,label")
    for path, wanted in (("/?q=red+boat&x=%C3%A9", "./?q=red+boat&x=%C3%A9"), ("/saved?id=abc", "saved?id=abc")):
        sent = client.get(path)
        assert sent.status_code == 302
        page = client.get(f"/{sent.location}")
        shown = re.search(r'name="next" value="([^"]+)"', page.text)
        assert shown is not None
        assert shown[1].replace("&amp;", "&") == wanted
    assert client.get("/").location == "login"
    entered = log_in(client, key, "./?q=red")
    assert (entered.status_code, entered.location) == (303, "./?q=red")
    page = client.get("/")
    assert page.status_code == 200
    assert "ada" in page.text
    assert "no-store" in page.headers["Cache-Control"]
    assert client.get("/login").status_code == 302


ELSEWHERE = ["//evil.com", "https://evil.com", "/\\evil.com", "./\\evil", "saved/../x", "javascript:alert(1)", "./?a b"]


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_a_login_leads_to_no_other_site(start: Starting, tmp_path: Path, wanted: str) -> None:
    client, key = start().test_client(), made(tmp_path, "ada", "--scopes", "read")
    assert log_in(client, key, wanted).location == "./"


def test_the_cookie_is_out_of_reach(start: Starting, tmp_path: Path) -> None:
    key = made(tmp_path, "ada", "--scopes", "read")
    for secure, options in ((False, {}), (True, {"headers": {"X-Forwarded-Proto": "https"}})):
        client = start(proxies=1).test_client()
        answer = log_in(client, key, **options)
        cookie = SimpleCookie(answer.headers["Set-Cookie"])
        (morsel,) = cookie.values()
        assert morsel["httponly"]
        assert morsel["samesite"] == "Lax"
        assert bool(morsel["secure"]) == secure
        assert key not in morsel.value
    assert "secure" not in log_in(start().test_client(), key, headers={"X-Forwarded-Proto": "https"}).headers[
        "Set-Cookie"
    ].lower().replace("samesite", ""), "no proxy is believed that the settings do not count"


def test_a_wrong_key_opens_nothing(start: Starting, tmp_path: Path) -> None:
    client, key = start().test_client(), made(tmp_path, "ada", "--scopes", "read")
    pages = set()
    for wrong in (key[:-2], key[:-1] + ("A" if key[-1] != "A" else "B"), "x", "cb_0123456789ab_" + "A" * 43):
        answer = log_in(client, wrong)
        assert answer.status_code == 401
        assert "This key does not work" in answer.text
        pages.add(re.sub(r'value="[^"]*"', "", answer.text))
    assert len(pages) == 1
    assert client.get("/").status_code == 302
    german = log_in(client, "x", headers={"Accept-Language": "de"})
    assert "Dieser Schlüssel gilt nicht" in german.text


def test_a_form_of_another_site_logs_nobody_in_or_out(start: Starting, tmp_path: Path) -> None:
    client, key = start().test_client(), made(tmp_path, "ada", "--scopes", "read")
    assert client.post("/login", data={"key": key}).status_code == 403
    assert client.get("/").status_code == 302
    log_in(client, key)
    assert client.post("/logout").status_code == 403
    assert client.get("/").status_code == 200


def test_a_change_by_cookie_needs_the_pages_token_and_one_by_key_does_not(start: Starting, tmp_path: Path) -> None:
    app, key = start(), made(tmp_path, "ada", "--scopes", "read,label")
    client, path = app.test_client(), "/api/saved/collections/count"
    body = {"expression": {"search": "0" * 12}}
    log_in(client, key)
    shown = re.search(r'data-csrf="([^"]+)"', client.get("/").text)
    assert shown is not None
    without = client.post(path, json=body)
    assert (without.status_code, without.json["error"]["code"]) == (403, "not_allowed")
    other = app.test_client()
    log_in(other, key)
    for wrong in ("", "x", token_of(other.get("/").text)):
        assert client.post(path, json=body, headers={"X-CSRF-Token": wrong}).status_code == 403
    for method, changed in (("patch", "/api/saved/searches/x"), ("delete", "/api/saved/searches/x")):
        assert getattr(client, method)(changed, json={"version": 1}).status_code == 403
    assert client.post(path, json=body, headers={"X-CSRF-Token": shown[1]}).status_code == 404
    bearer = {"Authorization": f"Bearer {key}"}
    assert app.test_client().post(path, json=body, headers=bearer).status_code == 404
    assert client.get("/api/saved").status_code == 200


def test_a_session_is_new_after_login_and_gone_after_logout(start: Starting, tmp_path: Path) -> None:
    app, key = start(), made(tmp_path, "ada", "--scopes", "read")
    client = app.test_client()
    name = app.config["SESSION_COOKIE_NAME"]
    before = token_of(client.get("/login").text)
    planted = client.get_cookie(name)
    log_in(client, key)
    kept = client.get_cookie(name)
    assert planted is not None
    assert kept is not None
    assert planted.value != kept.value
    page = client.get("/").text
    assert client.post("/logout", data={"csrf_token": before}).status_code == 403
    left = client.post("/logout", data={"csrf_token": token_of(page)})
    assert (left.status_code, left.location) == (303, "login")
    assert client.get("/").status_code == 302
    # A copy of the cookie that somebody kept is of no use either, with any worker.
    for app_again in (app, start()):
        thief = app_again.test_client()
        thief.set_cookie(name, kept.value)
        assert thief.get("/api/saved").status_code == 401


def test_a_session_ends_with_its_key_and_its_time(start: Starting, tmp_path: Path) -> None:
    key = made(tmp_path, "ada", "--scopes", "read")
    client, short = start().test_client(), start(session_hours=1e-9).test_client()
    log_in(client, key)
    log_in(short, key)
    assert client.get("/api/saved").status_code == 200
    assert short.get("/api/saved").status_code == 401
    access(tmp_path, "revoke", "ada")
    assert client.get("/api/saved").status_code == 401


def test_a_cookie_of_another_platform_is_nobodys(start: Starting, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    key = made(tmp_path / "other", "ada", "--scopes", "read")
    other = start(data_dir=tmp_path / "other")
    client = other.test_client()
    log_in(client, key)
    cookie = client.get_cookie(other.config["SESSION_COOKIE_NAME"])
    assert cookie is not None
    here = start().test_client()
    here.set_cookie(other.config["SESSION_COOKIE_NAME"], cookie.value)
    assert here.get("/api/saved").status_code == 401


def test_an_open_service_has_no_login_and_sets_no_cookie(start: Starting, tmp_path: Path) -> None:
    client = start(access="auto").test_client()
    page = client.get("/")
    assert page.status_code == 200
    assert "Set-Cookie" not in page.headers
    assert "csrf" not in page.text
    assert client.get("/login").status_code == 404
    assert not (tmp_path / "access").exists()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    with ExitStack() as stack:
        issuer.url = stack.enter_context(served(issuer.app))
        yield issuer


ADA = {"sub": "1", "name": "Ada", "email": "ada@example.org", "email_verified": True, "groups": ["readers"]}


@pytest.fixture
def web(start: Starting, issuer: Issuer, tmp_path: Path) -> Iterator[str]:
    """The address of a web service that lets in whoever the issuer vouches for, of example.org or the readers."""
    access(tmp_path, "allow", "@example.org", "--scopes", "read,label")
    access(tmp_path, "allow", "group:readers", "--scopes", "read")
    (tmp_path / "client-secret").write_text(SECRET + "\n")
    app = start(oidc_issuer=issuer.url, oidc_client_id=CLIENT, oidc_client_secret_file=tmp_path / "client-secret")
    with served(app) as url:
        yield url.replace("127.0.0.1", "localhost")


def by_issuer(web: str, *, query: str = "") -> tuple[requests.Session, requests.Response]:
    session = requests.Session()
    return session, session.get(f"{web}/login/away{query}", timeout=30)


def test_the_issuer_lets_people_in(web: str, issuer: Issuer, tmp_path: Path) -> None:
    issuer.person = ADA
    assert issuer.url.removeprefix("http://") in requests.get(f"{web}/login", timeout=30).text
    session, page = by_issuer(web, query="?next=saved%3Fid%3Dabc")
    assert (page.status_code, page.url) == (200, f"{web}/saved?id=abc")
    assert "Ada" in page.text
    asked = issuer.asked[0]
    assert asked["code_challenge_method"] == "S256"
    assert {"state", "nonce", "code_challenge"} <= set(asked)
    assert session.get(f"{web}/api/saved", timeout=30).status_code == 200
    access(tmp_path, "disallow", "@example.org")
    access(tmp_path, "disallow", "group:readers")
    assert session.get(f"{web}/api/saved", timeout=30).status_code == 401


def test_groups_and_addresses_may_come_from_the_userinfo(web: str, issuer: Issuer) -> None:
    issuer.person, issuer.more = {"sub": "2", "name": "Eve"}, {"groups": ["readers"], "email": "eve@else.org"}
    session, page = by_issuer(web)
    assert "Eve" in page.text
    assert session.get(f"{web}/metrics", timeout=30).status_code == 403


@pytest.mark.parametrize(
    "person",
    [
        {**ADA, "groups": [], "email_verified": False},
        {**ADA, "groups": [], "email": "ada@example.org.evil.com"},
        {**ADA, "groups": ["Readers"], "email": None},
        {"sub": "9"},
    ],
)
def test_whom_nobody_let_in_stays_outside(web: str, issuer: Issuer, person: dict[str, Any]) -> None:
    issuer.person = person
    session, page = by_issuer(web)
    assert "nobody has let you in" in page.text
    assert session.get(f"{web}/api/saved", timeout=30).status_code == 401


@pytest.mark.parametrize(
    "spoil", [{"aud": "another"}, {"iss": "https://evil.com"}, {"exp": 1}, {"nonce": "another"}, {"key": True}]
)
def test_a_token_that_does_not_hold_lets_nobody_in(web: str, issuer: Issuer, spoil: dict[str, Any]) -> None:
    issuer.person = ADA
    if spoil.pop("key", False):
        issuer.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
    issuer.spoil = spoil
    session, page = by_issuer(web)
    assert "was not completed" in page.text
    assert session.get(f"{web}/api/saved", timeout=30).status_code == 401


def test_a_login_that_another_browser_began_is_refused(web: str, issuer: Issuer) -> None:
    """Somebody else's way back, sent as a link: the state is not of this browser."""
    issuer.person = ADA
    theirs = requests.Session()
    sent = theirs.get(f"{web}/login/away", allow_redirects=False, timeout=30)
    back = theirs.get(sent.headers["Location"], allow_redirects=False, timeout=30).headers["Location"]
    victim = requests.Session()
    assert "was not completed" in victim.get(back, timeout=30).text
    assert victim.get(f"{web}/api/saved", timeout=30).status_code == 401


def test_an_issuer_that_is_away_is_said(start: Starting) -> None:
    (port,) = free_ports(1)
    app = start(oidc_issuer=f"http://127.0.0.1:{port}", oidc_client_id=CLIENT)
    client = app.test_client()
    sent = client.get("/login/away")
    assert sent.location == "../login?problem=away"
    assert "does not answer right now" in client.get("/login?problem=away").text


def test_settings_that_cannot_work_are_said(start: Starting, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="OIDC_CLIENT_ID"):
        start(oidc_issuer="https://id.example.org")
    with pytest.raises(ConfigurationError, match="oidc_client_secret_file"):
        start(oidc_issuer="https://id.example.org", oidc_client_id="x", oidc_client_secret_file=tmp_path / "none")
