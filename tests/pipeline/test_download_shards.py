"""What a download leaves on disk, and what a later one takes over of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
from PIL import Image

from preprocessing.download.options import DownloadOptions
from preprocessing.sources.img2dataset import list_img2dataset
from tests.pipeline.downloads import fetch, rows
from tests.web import Web, photo


def test_the_layout_is_img2dataset_s(tmp_path: Path, web: Web) -> None:
    outcome = fetch(tmp_path, [*web.photos(5), f"{web.url}/missing/1", f"{web.url}/lie"], shard_size=4)
    assert (outcome.total, outcome.stored, outcome.taken_over) == (7, 5, 0)
    assert {path.name for path in tmp_path.iterdir()} == {
        "00000", "00001", "00000.parquet", "00001.parquet", "00000_stats.json", "00001_stats.json",
    }  # fmt: skip
    assert {path.name for path in (tmp_path / "00001").iterdir()} == {
        "000010000.jpg", "000010000.txt", "000010000.json",
    }  # fmt: skip
    assert (tmp_path / "00001" / "000010000.jpg").read_bytes() == photo(4)
    assert (tmp_path / "00001" / "000010000.txt").read_text() == "caption 4"
    table = pq.read_table(tmp_path / "00001.parquet")
    assert table.column_names == [
        "url", "caption", "source_width", "key", "status", "error_message", "width", "height", "original_width",
        "original_height", "exif", "sha256",
    ]  # fmt: skip
    stored, missing, lie = table.to_pylist()
    assert (stored["status"], stored["width"], stored["sha256"]) == (
        "success",
        48,
        hashlib.sha256(photo(4)).hexdigest(),
    )
    assert (missing["status"], missing["error_message"]) == ("failed_to_download", "HTTP Error 404: Not Found")
    assert lie["status"] == "failed_to_resize"
    stats = json.loads((tmp_path / "00001_stats.json").read_text())
    assert {name: stats[name] for name in ("count", "successes", "failed_to_download", "failed_to_resize")} == {
        "count": 3, "successes": 1, "failed_to_download": 1, "failed_to_resize": 1,
    }  # fmt: skip
    assert stats["status_dict"]["HTTP Error 404: Not Found"] == 1
    facts = json.loads((tmp_path / "00001" / "000010000.json").read_text())
    assert facts["url"] == stored["url"]
    listing = list_img2dataset(tmp_path)
    assert len(listing.files) == 5
    assert {note.reason for note in listing.dropped} == {"failed to download", "failed to resize"}


def test_nothing_is_fetched_twice(tmp_path: Path, web: Web) -> None:
    urls = [*web.photos(9), f"{web.url}/missing/1"]
    fetch(tmp_path, urls, shard_size=4)
    again = fetch(tmp_path, urls, shard_size=4)
    assert (again.stored, again.taken_over) == (0, 10)
    assert set(web.asked.values()) == {1}
    # A table that grows, and one link that changes: only these are fetched, and the old image goes.
    changed = [*urls[:2], f"{web.url}/photo/77", *urls[3:], *web.photos(12)[9:]]
    more = fetch(tmp_path, changed, shard_size=4)
    assert (more.stored, more.taken_over) == (4, 9)
    assert max(web.asked.values()) == 1
    assert (tmp_path / "00000" / "000000002.jpg").read_bytes() == photo(77)
    # An image that was lost since, and one that lost its bytes.
    (tmp_path / "00000" / "000000001.jpg").unlink()
    (tmp_path / "00001" / "000010001.jpg").write_bytes(b"")  # as a power cut can leave it
    assert fetch(tmp_path, changed, shard_size=4).stored == 2
    web.asked.clear()
    fetch(tmp_path, changed, DownloadOptions(retry_failed=True, retries=0), shard_size=4)
    assert dict(web.asked) == {"/missing/1": 1}


def test_a_journal_is_believed_only_where_the_files_agree(tmp_path: Path, web: Web) -> None:
    urls = web.photos(6)
    fetch(tmp_path, urls)
    # As a run leaves it that was killed before the end: a journal, no table.
    stored = {path.name: path.read_bytes() for path in (tmp_path / "00000").glob("*.jpg")}
    lines = [
        json.dumps(
            {
                "row": row,
                "url": urls[row],
                "result": {
                    "status": "success",
                    "error_message": None,
                    "file": f"00000{row:04d}.jpg",
                    "stored_sha256": hashlib.sha256(stored[f"00000{row:04d}.jpg"]).hexdigest(),
                    "width": 48,
                    "height": 48,
                },
            }
        )
        for row in range(5)
    ]
    (tmp_path / "00000_stats.json").unlink()
    (tmp_path / "00000.parquet").unlink()
    (tmp_path / ".00000.journal").write_text("\n".join(lines[:4]) + "\n" + lines[4][:60])
    (tmp_path / "00000" / "000000001.jpg").write_bytes(stored["000000001.jpg"][:100])  # altered
    (tmp_path / "00000" / ".tmp-000000005.jpg").write_bytes(b"half")
    web.asked.clear()
    fetch(tmp_path, urls)
    assert sorted(web.asked) == ["/photo/1", "/photo/4", "/photo/5"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "00000").glob("*.jpg")} == stored
    assert len(list((tmp_path / "00000").iterdir())) == 18


def test_the_lowest_pixels_are_cut_off(tmp_path: Path, web: Web) -> None:
    fetch(tmp_path, [*web.photos(2), f"{web.url}/photo/3?kind=PNG"], crop_bottom=30)
    row = rows(tmp_path)["/photo/1"]
    assert (row["width"], row["height"], row["original_height"]) == (48, 18, 48)
    assert row["sha256"] == hashlib.sha256(photo(1)).hexdigest()
    with Image.open(tmp_path / "00000" / "000000001.jpg") as image:
        assert image.size == (48, 18)
    fetch(tmp_path / "all", web.photos(1), crop_bottom=48)
    assert rows(tmp_path / "all")["/photo/0"]["status"] == "failed_to_resize"
