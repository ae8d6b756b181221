"""Names, texts and images that want to be paths, headers, templates, formulas or pages: they stay what they are."""

from __future__ import annotations

import csv
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clip_branches.settings import WebSettings
from preprocessing.sources.tars import list_members, read_member
from tests.hostile import COLUMN, MARKUP, TEXTS, build_hostile
from tests.services.conftest import NAME
from web_service.app import create_app as create_web_app

CLIMBING = [
    "..",
    "../demo",
    "..%2f..%2fetc",
    "%2e%2e/%2e%2e/etc/passwd",
    "....//etc",
    "..\\..\\etc",
    "/etc/passwd",
    "%00",
    "noise%00.json",
    "noise%0d%0aX-Taken:%201",
    "\u2025/\u2025",
    "~root",
    "C:",
    "noise/../noise",
    "a" * 5_000,
]


@pytest.fixture
def hostile(own_data: Path) -> list[int]:
    return build_hostile(own_data, own_data / "catalogues" / NAME)


@pytest.fixture(scope="module")
def web() -> FlaskClient:
    nobody = "http://127.0.0.1:9"
    return create_web_app(WebSettings(search_url=nobody, data_url=nobody)).test_client()


@pytest.mark.parametrize("name", CLIMBING)
def test_no_name_in_an_address_is_a_path(
    search: FlaskClient, web: FlaskClient, own_data: Path, start_data: Callable[..., Flask], name: str
) -> None:
    data = start_data(own_data).test_client()
    digest = "a" * 32
    for client, path in [
        (data, f"/v1/catalogues/{name}/items?ids=1"),
        (data, f"/v1/catalogues/{name}/items/1/image"),
        (search, f"/v1/catalogues/{name}/results/{digest}"),
        (search, f"/v1/catalogues/{NAME}/results/{name}"),
        (search, f"/v1/catalogues/{NAME}/results/{name}/export?format=csv"),
        (web, f"/api/catalogues/{name}/items/1"),
        (web, f"/static/{name}/{name}"),
        (web, f"/static/x/{name}/js/main.js"),
        (web, f"/api/saved/searches/{name}"),
    ]:
        answer = client.get(path)
        assert answer.status_code in (400, 401, 403, 404, 405, 308), (path, answer.status_code)
        assert "X-Taken" not in answer.headers
        assert b"root:" not in answer.data


def test_links_that_lead_out_of_the_image_root_are_not_followed(
    own_data: Path, hostile: list[int], start_data: Callable[..., Flask]
) -> None:
    answer = start_data(own_data).test_client().get(f"/v1/catalogues/hostile/items/{hostile[2]}/image")
    assert answer.status_code == 404
    assert answer.json is not None
    assert "below the image root" in answer.json["error"]["message"]


def test_images_that_are_pages_or_archives_as_well_are_served_as_images(
    own_data: Path, hostile: list[int], start_data: Callable[..., Flask]
) -> None:
    data = start_data(own_data).test_client()
    for item, kind in ((hostile[0], "image/gif"), (hostile[1], "image/png")):
        original = data.get(f"/v1/catalogues/hostile/items/{item}/image")
        thumbnail = data.get(f"/v1/catalogues/hostile/items/{item}/image?width=160")
        assert (original.status_code, thumbnail.status_code) == (200, 200)
        assert (original.mimetype, thumbnail.mimetype) == (kind, "image/webp")
        for answer in (original, thumbnail):
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "sandbox" in answer.headers["Content-Security-Policy"]
        # A thumbnail is drawn anew: nothing but the picture is in it.
        assert thumbnail.data.startswith(b"RIFF")
        assert b"script" not in thumbnail.data
        assert not zipfile.is_zipfile(io.BytesIO(thumbnail.data))


def test_names_of_files_are_no_headers(search: FlaskClient) -> None:
    for name in ("a\r\nX-Taken: 1", 'a"; filename="b.html', "../../a", "\u202egnp.exe", "", "a;b", "\x00", "😀"):
        body = {"format": "csv", "name": name, "ids": [1]}
        answer = search.post(f"/v1/catalogues/{NAME}/export", json=body)
        assert answer.status_code == 200
        assert "X-Taken" not in answer.headers
        said = answer.headers["Content-Disposition"]
        assert said.startswith('attachment; filename="')
        inside = said.removeprefix('attachment; filename="').removesuffix('"')
        assert all(sign.isascii() and (sign.isalnum() or sign in "._-") for sign in inside), said
        assert not inside.startswith((".", "-"))


def test_what_a_request_says_of_itself_is_no_header(search: FlaskClient) -> None:
    for said in ("a b", "x" * 100, "<script>", "a;b=c"):
        answer = search.get("/livez", headers={"X-Request-ID": said})
        assert answer.headers["X-Request-ID"] != said
    answer = search.post("/knn-service", json={"text": "red", "num_images": 1, "indice_name": NAME, "a\r\nX-Taken": 1})
    assert "X-Taken" not in answer.headers


@pytest.mark.parametrize(
    "text", [*TEXTS, "{% for x in () %}", "{{ config }}", "#{1}", "<%= 1 %>", "</title>", "\u2028</script>"]
)
def test_a_text_is_no_template_and_no_markup(web: FlaskClient, text: str) -> None:
    for path in ("/", "/saved"):
        page = web.get(path, query_string={"q": text, "catalogue": text, "image": text}).text
        assert str(7 * 191) not in page
        assert "<img src=x" not in page
        assert "<Config" not in page
        assert page.count("</title>") == 1
        boot = page.split('type="application/json">')[1].split("</script>")[0]
        assert json.loads(boot)


def test_exported_texts_are_no_formulas(own_data: Path, hostile: list[int], start_search: Callable[..., Flask]) -> None:
    """In CSV, which spreadsheets open; JSON and Parquet hold every text as it is."""
    app = start_search(own_data)
    told = [*TEXTS, "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1"]
    groups = [{"name": text, "positive": hostile[:1]} for text in told[:2]]
    body: dict[str, Any] = {"format": "csv", "ids": hostile, "groups": groups}
    path = "/v1/catalogues/hostile/export"
    exported = app.test_client().post(path, json=body).text
    for row in csv.reader(io.StringIO(exported)):
        for cell in row:
            number = cell.replace(".", "", 1).removeprefix("-").isdigit()
            assert number or not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝")), cell
    assert f"'{COLUMN}" in exported.splitlines()[0]
    images = app.test_client().post(path, json={**body, "format": "json"}).json["images"]  # type: ignore[index]
    assert {image["caption"] for image in images} == set(TEXTS)
    packed = app.test_client().post(path, json={**body, "format": "zip"}).data
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert all(name.removeprefix("images/").count("/") == 0 and ".." not in name for name in archive.namelist())
        assert "secret" not in " ".join(archive.namelist())
        assert b"below" in archive.read("missing.csv") or b"inside" in archive.read("missing.csv")


def test_members_of_archives_are_read_where_they_are_and_never_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "in" / "shard.tar"
    path.parent.mkdir()
    with tarfile.open(path, "w") as archive:
        for name in ("../../climbed.png", "/tmp/absolute.png", "plain.png"):
            entry = tarfile.TarInfo(name)
            entry.size = 4
            archive.addfile(entry, io.BytesIO(b"here"))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            entry = tarfile.TarInfo("link.png")
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
    members, whole = list_members(path)
    assert whole
    assert [read_member(path, member) for member in members] == [b"here"] * 3  # links and devices are no members
    assert sorted(found.name for found in tmp_path.rglob("*")) == ["in", "shard.tar"]


def test_markup_in_what_a_service_says_is_not_run(search: FlaskClient) -> None:
    """An error quotes what was asked; it is JSON, and a browser that is led there runs nothing."""
    answer = search.get(f"/v1/catalogues/{quote(MARKUP, safe='')}/results/x")
    assert answer.mimetype == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
