"""Items and images: the right ones, cached for ever, never of a file outside the image root."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from clip_branches.catalogue import Catalogue, CatalogueWriter
from clip_branches.engine import BoxIndex
from data_service.thumbnails import WIDTHS
from tests.services.conftest import IMAGES, NAME, wait_for

Start = Callable[..., Flask]
ITEMS = f"/v1/catalogues/{NAME}/items"


@pytest.fixture
def data(own_data: Path, start_data: Start) -> FlaskClient:
    return start_data(own_data).test_client()


def thumbnails(data_dir: Path) -> list[Path]:
    return sorted((data_dir / "cache" / "thumbnails").rglob("*.webp"))


def source(data_dir: Path, item: int) -> Path:
    catalogue = Catalogue.open(data_dir / "catalogues" / NAME)
    return catalogue.image_path(catalogue.items([item])[0][0]["source"])


def test_items_come_in_the_order_asked_for(data: FlaskClient) -> None:
    answer = data.get(f"{ITEMS}?ids=9,3,999999,3,%2012").json
    assert answer is not None
    assert [item["id"] for item in answer["items"]] == [9, 3, 3, 12]
    assert answer["missing"] == [999_999]
    assert answer["items"][0]["caption"].startswith("picture ")
    assert (answer["items"][0]["width"], answer["items"][0]["height"]) == (400, 400)
    assert "sha256" not in answer["items"][0]
    one = data.get(f"{ITEMS}/9").json
    assert one == answer["items"][0]


def test_a_thousand_ids_in_one_call(data: FlaskClient) -> None:
    ids = ",".join(str(2**63 - 1 - number) for number in range(1_000))
    answer = data.get(f"{ITEMS}?ids={ids}").json
    assert answer is not None
    assert len(answer["missing"]) == 1_000
    assert data.get(f"{ITEMS}?ids={ids},1").status_code == 400


@pytest.mark.parametrize(
    "query",
    ["", "ids=", "ids=a", "ids=1,,2", "ids=-1", "ids=1.0", "ids=%C2%B2", f"ids={2**63}", "ids=1;2", "ids=1&x=2"],
)
def test_ids_that_are_none(data: FlaskClient, query: str) -> None:
    answer = data.get(f"{ITEMS}?{query}")
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["error"]["field"] in ("ids", "x")


@pytest.mark.parametrize("item", ["999999", "0", str(2**70), "abc", "-1"])
def test_an_image_that_is_not_there(data: FlaskClient, item: str) -> None:
    for path in (f"{ITEMS}/{item}", f"{ITEMS}/{item}/image", f"{ITEMS}/{item}/image?width=320"):
        answer = data.get(path)
        assert answer.status_code == 404
        assert answer.json is not None
        assert answer.json["error"]["code"] in ("unknown_item", "not_found")


def test_the_original_is_the_file_itself(data: FlaskClient, own_data: Path) -> None:
    answer = data.get(f"{ITEMS}/5/image")
    assert answer.data == source(own_data, 5).read_bytes()
    assert answer.content_type == "image/png"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.get_etag() == (hashlib.sha256(answer.data).hexdigest(), False)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(("asked", "given"), [(1, 80), (80, 80), (81, 160), (300, 320), (320, 320)])
def test_a_thumbnail_has_the_next_width_of_a_short_list(
    data: FlaskClient, own_data: Path, asked: int, given: int
) -> None:
    answer = data.get(f"{ITEMS}/5/image?width={asked}")
    with Image.open(io.BytesIO(answer.data)) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("WEBP", (given, given))
        with Image.open(source(own_data, 5)) as original:
            expected = np.asarray(original.convert("RGB").resize((given, given), Image.Resampling.LANCZOS), float)
        assert np.abs(np.asarray(thumbnail.convert("RGB"), float) - expected).mean() < 6
    assert answer.content_type == "image/webp"
    assert str(given) in str(answer.get_etag()[0])


@pytest.mark.parametrize("asked", [400, 401, 640, 5_000])
def test_an_image_is_never_enlarged(data: FlaskClient, own_data: Path, asked: int) -> None:
    assert data.get(f"{ITEMS}/5/image?width={asked}").data == source(own_data, 5).read_bytes()
    assert thumbnails(own_data) == []


@pytest.mark.parametrize("asked", ["0", "-5", "x", "1e2", "10001", "3.5", ""])
def test_widths_that_are_none(data: FlaskClient, asked: str) -> None:
    answer = data.get(f"{ITEMS}/5/image?width={asked}")
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["error"]["field"] == "width"


def test_a_thumbnail_is_made_once(data: FlaskClient, own_data: Path) -> None:
    first = data.get(f"{ITEMS}/5/image?width=160").data
    (file,) = thumbnails(own_data)
    assert file.read_bytes() == first
    source(own_data, 5).unlink()
    assert data.get(f"{ITEMS}/5/image?width=160").data == first
    for width in range(1, 2_000, 7):
        data.get(f"{ITEMS}/7/image?width={width}")
    assert len(thumbnails(own_data)) <= 1 + len(WIDTHS)


def test_what_the_browser_has_is_not_sent_again(data: FlaskClient, own_data: Path) -> None:
    for path in (f"{ITEMS}/5/image", f"{ITEMS}/5/image?width=160"):
        etag = data.get(path).headers["ETag"]
        source_bytes = source(own_data, 5).read_bytes()
        for tag in (etag, f'"other", {etag}', "*"):
            again = data.get(path, headers={"If-None-Match": tag})
            assert (again.status_code, again.data) == (304, b"")
            assert again.headers["ETag"] == etag
            assert "immutable" in again.headers["Cache-Control"]
        assert data.get(path, headers={"If-None-Match": '"another"'}).status_code == 200
        assert source(own_data, 5).read_bytes() == source_bytes


def test_head_says_what_get_would(data: FlaskClient) -> None:
    for path in (f"{ITEMS}/5/image", f"{ITEMS}/5/image?width=160"):
        head, got = data.head(path), data.get(path)
        assert head.status_code == 200
        assert head.data == b""
        for name in ("Content-Type", "Content-Length", "ETag", "Cache-Control"):
            assert head.headers[name] == got.headers[name]


def test_a_file_that_is_gone_or_changed_is_not_served(data: FlaskClient, own_data: Path) -> None:
    source(own_data, 5).unlink()
    gone = data.get(f"{ITEMS}/5/image?width=160")
    assert (gone.status_code, gone.json["error"]["code"]) == (404, "not_found")  # type: ignore[index]
    shutil.copy(source(own_data, 7), source(own_data, 6))
    for path in (f"{ITEMS}/6/image", f"{ITEMS}/6/image?width=160"):
        changed = data.get(path)
        assert (changed.status_code, changed.json["error"]["code"]) == (503, "damaged_file")  # type: ignore[index]
        assert "changed" in changed.text
    assert data.get(f"{ITEMS}/7/image").status_code == 200


def test_nothing_outside_the_image_root(data: FlaskClient, own_data: Path) -> None:
    secret = own_data / "secret.png"
    shutil.copy(source(own_data, 5), secret)
    source(own_data, 5).unlink()
    source(own_data, 5).symlink_to(secret)
    answer = data.get(f"{ITEMS}/5/image")
    assert answer.status_code == 404
    assert str(own_data) not in answer.text


def test_thumbnails_without_a_disk_to_keep_them(data: FlaskClient, own_data: Path) -> None:
    (own_data / "cache").write_text("a file where the folder should be")
    assert data.get(f"{ITEMS}/5/image?width=160").status_code == 200


def test_remote_and_undecodable_images(own_data: Path, start_data: Start) -> None:
    folder = own_data / "sources" / "odd"
    folder.mkdir()
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    rows = ["https://example.com/a.png", "broken.png", "gone.png"]
    hashes = [hashlib.sha256(b"\x89PNG\r\n\x1a\n and no more").hexdigest()] * 3
    encoder = Catalogue.open(own_data / "catalogues" / NAME).encoder
    target = own_data / "catalogues" / "odd"
    with CatalogueWriter(target, name="odd", title="Odd", image_root=folder, encoder=encoder) as writer:
        table = pa.table(
            {
                "id": writer.new_ids(3),
                "source": rows,
                "caption": pa.array([None] * 3, pa.string()),
                "width": [500] * 3,
                "height": [500] * 3,
                "sha256": hashes,
            }
        )
        writer.add_segment(table, None, BoxIndex.build(np.zeros((3, 32), np.uint8), presorted=True).save)
        writer.commit()
    client = start_data(own_data).test_client()
    wait_for(client.application, lambda: client.get("/v1/catalogues/odd/items?ids=1").status_code == 200)
    for item, status, word in ((1, 404, "another site"), (2, 503, "decoded"), (3, 404, "gone.png")):
        answer = client.get(f"/v1/catalogues/odd/items/{item}/image?width=160")
        assert answer.status_code == status
        assert word in answer.text
    assert client.get("/v1/catalogues/odd/items/1").json["source"] == rows[0]  # type: ignore[index]


def test_a_damaged_catalogue_is_refused(own_data: Path, start_data: Start) -> None:
    shutil.copytree(own_data / "catalogues" / NAME, own_data / "catalogues" / "bad")
    (file,) = (own_data / "catalogues" / "bad").glob("segments/*/items.parquet")
    file.write_bytes(file.read_bytes()[:-9])
    client = start_data(own_data).test_client()
    listed = client.get("/v1/catalogues").json
    assert listed is not None
    assert [(one["name"], one["size"]) for one in listed["catalogues"]] == [(NAME, IMAGES)]
    assert "items.parquet" in listed["unavailable"]["bad"]
    answer = client.get("/v1/catalogues/bad/items?ids=1")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "damaged_file")  # type: ignore[index]


def test_thumbnails_of_other_generations_are_removed(own_data: Path, start_data: Start) -> None:
    stale = own_data / "cache" / "thumbnails" / NAME / "g7" / "ab" / "x.webp"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"stale")
    client = start_data(own_data).test_client()
    assert not stale.exists()
    assert client.get(f"{ITEMS}/5/image?width=160").status_code == 200
