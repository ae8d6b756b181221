"""Bad searches get a clear answer: the status, the code and the field at fault."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from tests.services.conftest import NAME, ask

SEARCH = f"/v1/catalogues/{NAME}/search"
UNKNOWN = 987_654_321


def refused(client: FlaskClient, status: int, path: str = SEARCH, **body: Any) -> dict[str, Any]:
    answer = client.post(path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.json is not None
    assert set(answer.json) == {"error"}
    return dict(answer.json["error"])


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims to be of that size and holds no pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize("name", ["nothing", "..", "a b", "%00", "x" * 300])
def test_an_unknown_catalogue_names_the_known_ones(search: FlaskClient, name: str) -> None:
    error = refused(search, 404, f"/v1/catalogues/{name}/search", text="red")
    assert error["code"] in ("unknown_catalogue", "not_found")
    if error["code"] == "unknown_catalogue":
        assert NAME in error["message"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": ""},
        {"text": " \t\n\u00a0\u2003"},
        {"text": "\x00\x01\x7f"},
        {"text": None},
        {"without": ["red"]},
        {"positive": [], "negative": [], "model": "ensemble"},
    ],
)
def test_nothing_to_search_for(search: FlaskClient, body: dict[str, Any]) -> None:
    error = refused(search, 400, **body)
    assert error["field"] == "text"
    assert "'text'" in error["message"]


def test_a_text_of_1000_characters_is_the_longest(search: FlaskClient) -> None:
    assert ask(search, text="x" * 1_000)["total"] > 0
    error = refused(search, 400, text="x" * 1_001)
    assert error["field"] == "text"
    assert "1000" in error["message"]


@pytest.mark.parametrize("text", [7, 1.5, True, ["red"], {"a": 1}])
def test_a_text_that_is_not_text(search: FlaskClient, text: Any) -> None:
    assert refused(search, 400, text=text)["field"] == "text"


@pytest.mark.parametrize("text", ["red\x00car", "a\u202eb", "🚗" * 400, "' OR 1=1 --", "<script>", "\ufdd0", "e\u0301"])
def test_odd_text_is_text(search: FlaskClient, text: str) -> None:
    assert ask(search, text=text)["total"] > 0


def test_an_image_cannot_be_right_and_wrong(search: FlaskClient) -> None:
    error = refused(search, 400, text="red", positive=[1, 5, 7], negative=[2, 7])
    assert error["field"] == "negative"
    assert "7" in error["message"]


@pytest.mark.parametrize("field", ["positive", "negative", "image_id"])
def test_an_id_outside_the_catalogue_is_named(search: FlaskClient, field: str) -> None:
    body: dict[str, Any] = {"positive": [1], "text": "red"}
    body[field] = UNKNOWN if field == "image_id" else [2, UNKNOWN]
    error = refused(search, 400, **body)
    assert error["field"] == field
    assert str(UNKNOWN) in error["message"]
    assert " 2 " not in error["message"]


@pytest.mark.parametrize("body", [{}, {"text": "red"}, {"image_id": 3}, {"text": "red", "model": "text"}])
def test_only_negatives_need_a_positive(search: FlaskClient, body: dict[str, Any]) -> None:
    error = refused(search, 400, negative=[1, 2], **body)
    assert error["field"] == "positive"
    assert "positive" in error["message"]


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"this is no image", 415, "unsupported_image"),
        (b"\xff\xd8\xff\xe0 half a JPEG", 415, "unsupported_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "unsupported_image"),
        (b"BM" + bytes(100), 415, "unsupported_image"),
        (png_header(10_000, 5_001), 413, "too_large"),
        (png_header(60_000, 60_000), 413, "too_large"),
        (b"\0" * (20 * 1024 * 1024 + 10), 413, "too_large"),
    ],
)
def test_images_that_cannot_be_used(search: FlaskClient, content: bytes, status: int, code: str) -> None:
    error = refused(search, status, image=b64(content))
    assert (error["code"], error["field"]) == (code, "image")


@pytest.mark.parametrize("text", ["", "not base64!", "abc", "data:image/png,raw", "data:image/png;base64,", "äöü"])
def test_images_that_are_not_base64(search: FlaskClient, text: str) -> None:
    error = refused(search, 400, image=text)
    assert error["field"] == "image"


def test_an_image_of_50_megapixels_is_still_read(search: FlaskClient) -> None:
    buffer = io.BytesIO()
    Image.new("L", (10_000, 5_000), 128).save(buffer, "PNG")
    assert ask(search, image=b64(buffer.getvalue()))["total"] > 0


def test_a_body_over_the_limit(search: FlaskClient) -> None:
    answer = search.post(SEARCH, data=b" " * (28 * 1024 * 1024 + 1), content_type="application/json")
    assert answer.status_code == 413
    assert answer.json is not None
    assert answer.json["error"]["code"] == "too_large"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"{\\"text\\": \\"red\\"}"',
        b"17",
        b"true",
        b"[" * 200_000,
        b'{"text": ' + b'{"a": ' * 100_000,
        b'{"text": "red", "seed": NaN}',
        b'{"text": "red", "seed": Infinity}',
        b'{"text": "red", "limit": ' + b"9" * 10_000 + b"}",
        b'{"text": "red", "limit": 1e400}',
        b'{"text": "\\ud800"}',
        b'{"text": "\xff\xfe"}',
        b'\xef\xbb\xbf{"text": "red"',
        b"text=red",
    ],
)
def test_bodies_that_are_not_a_request(search: FlaskClient, content: bytes) -> None:
    answer = search.post(SEARCH, data=content, content_type="application/json")
    assert answer.status_code == 400, answer.text
    assert answer.json is not None
    assert set(answer.json) == {"error"}
    assert answer.json["error"]["message"]


def test_a_body_must_say_that_it_is_json(search: FlaskClient) -> None:
    answer = search.post(SEARCH, data=json.dumps({"text": "red"}))
    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("positive", [-1]),
        ("positive", [1.5]),
        ("positive", ["1"]),
        ("positive", [True]),
        ("positive", [2**63]),
        ("positive", [10**400]),
        ("positive", 3),
        ("positive", list(range(10_001))),
        ("negative", {"1": 1}),
        ("image_id", "3"),
        ("image_id", -3),
        ("without", "red"),
        ("without", [1]),
        ("without", ["red"] * 21),
        ("without", ["x" * 1_001]),
        ("model", "forest"),
        ("model", None),
        ("seed", -1),
        ("seed", 0.5),
        ("limit", 0),
        ("limit", 1_001),
        ("limit", "60"),
        ("image", 5),
        ("colour", "red"),
    ],
)
def test_a_field_that_is_not_what_it_must_be_is_named(search: FlaskClient, field: str, value: Any) -> None:
    error = refused(search, 400, **{"text": "red", field: value})
    assert error["code"] == "invalid_input"
    assert error["field"].split(".")[0] == field
    if field == "colour":
        assert "without" in error["message"]  # the known fields are named


@pytest.mark.parametrize("result_set", ["x", "0" * 32, "0" * 31, "G" * 32, "..%2F..%2Fetc", "%00", "a" * 5_000])
def test_an_unknown_result_set(search: FlaskClient, result_set: str) -> None:
    known = ask(search, text="red")["result_set"]
    for path in (result_set, f"{result_set}/changes?since={known}", f"{known}/changes?since={result_set}"):
        answer = search.get(f"/v1/catalogues/{NAME}/results/{path}")
        assert answer.status_code == 404
        assert answer.json is not None
        assert answer.json["error"]["code"] in ("unknown_result_set", "not_found")


@pytest.mark.parametrize(
    "query", ["offset=-1", "limit=0", "limit=1001", "offset=x", "offset=1e3", "page=2", "limit=nan"]
)
def test_pages_that_cannot_be(search: FlaskClient, query: str) -> None:
    known = ask(search, text="red")["result_set"]
    answer = search.get(f"/v1/catalogues/{NAME}/results/{known}?{query}")
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["error"]["field"] == query.partition("=")[0]


def test_changes_need_an_earlier_answer(search: FlaskClient) -> None:
    known = ask(search, text="red")["result_set"]
    answer = search.get(f"/v1/catalogues/{NAME}/results/{known}/changes")
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["error"]["field"] == "since"
