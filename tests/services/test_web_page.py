"""The page that the web service makes itself, and its files: headers, languages, weight, what is asked at once."""

from __future__ import annotations

import gzip
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clip_branches.settings import WebSettings
from web_service.app import create_app

NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens there


@pytest.fixture(scope="module")
def app() -> Flask:
    """A web service alone: its page needs none of the others."""
    return create_app(WebSettings(search_url=NOBODY, data_url=NOBODY))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def test_the_page_keeps_to_its_origin(client: FlaskClient) -> None:
    answer = client.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    # No inline script or style, no handler in an attribute, no address of another server.
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", answer.text)
    assert re.findall(r"<script(?![^>]*\bsrc=)([^>]*)>", answer.text) == [' id="boot" type="application/json"']
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", answer.text)


def test_a_query_is_text_and_never_markup(client: FlaskClient) -> None:
    answer = client.get("/", query_string={"q": '"><script>alert(1)</script>', "catalogue": "</script>"})
    assert "<script>alert" not in answer.text


def test_files_are_kept_for_ever_under_their_version(client: FlaskClient) -> None:
    paths = re.findall(r'(?:src|href)="(static/[^"]+)"', client.get("/").text)
    assert {path.rsplit("/", 1)[1] for path in paths} == {"icon.svg", "page.css", "head.js", "main.js"}
    for path in paths:
        answer = client.get(f"/{path}")
        assert answer.status_code == 200, path
        assert "immutable" in answer.headers["Cache-Control"]
        answer.close()
    old = re.sub(r"static/[0-9a-f]+/", "static/000000000000/", paths[0])
    answer = client.get(f"/{old}")
    assert answer.status_code == 200
    assert "immutable" not in answer.headers["Cache-Control"]
    answer.close()


def test_the_whole_page_is_light(client: FlaskClient) -> None:
    """Without pictures, everything that the first visit loads is far under 200 kB, in any language."""
    for language in ("en", "de"):
        headers = {"Accept-Encoding": "gzip", "Accept-Language": language}
        page = client.get("/", headers=headers)
        assert page.content_encoding == "gzip"
        total = len(page.data)
        for path in set(re.findall(r'(?:src|href)="(static/[^"]+)"', gzip.decompress(page.data).decode())):
            answer = client.get(f"/{path}", headers=headers)
            total += len(answer.data)
            answer.close()
        assert 20_000 < total < 80_000


def test_a_browser_that_reads_no_gzip_gets_the_same(client: FlaskClient) -> None:
    plain, squeezed = client.get("/"), client.get("/", headers={"Accept-Encoding": "gzip"})
    assert plain.content_encoding is None
    assert plain.data == gzip.decompress(squeezed.data)
    path = re.findall(r'src="(static/[^"]+main.js)"', plain.text)[0]
    plain, squeezed = client.get(path), client.get(path, headers={"Accept-Encoding": "gzip"})
    assert plain.data == gzip.decompress(squeezed.data)
    assert plain.mimetype == squeezed.mimetype == "text/javascript"
    assert dict(plain.cache_control) == dict(squeezed.cache_control)
    assert squeezed.headers["Vary"] == "Accept-Encoding"
    again = {"Accept-Encoding": "gzip", "If-None-Match": squeezed.headers["ETag"]}
    assert client.get(path, headers=again).status_code == 304
    plain.close()


def test_the_page_speaks_the_language_that_is_asked_for(client: FlaskClient) -> None:
    def language(*, header: str = "", cookie: str = "") -> str:
        client.delete_cookie("language")
        if cookie:
            client.set_cookie("language", cookie)
        answer = client.get("/", headers={"Accept-Language": header})
        assert {"Accept-Language", "Cookie"} <= set(answer.vary)
        return re.findall(r'<html lang="(\w+)">', answer.text)[0]

    assert language() == "en"
    assert language(header="de-CH,de;q=0.9,en;q=0.5") == "de"
    assert language(header="fr,en;q=0.7,de;q=0.8") == "de"
    assert language(header="ja") == "en"
    assert language(header="de", cookie="en") == "en"
    assert language(header="de", cookie="../../etc/passwd") == "de"
