"""The download command, and builds from tables of addresses: killed, stopped, on a full disk, with bad tables."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.pipeline.support import REPOSITORY, Preprocessing
from tests.web import Web, photo


def write_table(path: Path, urls: list[str]) -> Path:
    path.write_text("url\tcaption\n" + "".join(f"{url}\tcaption {row}\n" for row, url in enumerate(urls)))
    return path


def test_a_download_killed_half_way_goes_on(preprocessing: Preprocessing, tmp_path: Path, web: Web) -> None:
    web.delay_s = 0.02
    table = write_table(tmp_path / "links.tsv", web.photos(300))
    arguments = ("download", table, "--name", "photos", "--connections", 4)
    root = preprocessing.data_dir / "sources" / "photos"
    for least in (20, 120):
        process = preprocessing.start(*arguments)
        deadline = time.monotonic() + 120
        while len(list(root.glob("00000/*.jpg"))) < least and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        assert process.poll() is None, process.communicate()
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=20)
    whole = {path.name for path in root.glob("00000/*.jpg")}
    for path in root.glob("00000/*.jpg"):
        with Image.open(path) as image:
            image.load()  # nothing broken is there under its own name, even now
    output = preprocessing(*arguments)
    assert "300 kept, 0 dropped" in output
    stored = sorted(root.glob("00000/*.jpg"))
    assert [path.read_bytes() for path in stored] == [photo(number) for number in range(300)]
    twice = sum(times - 1 for times in web.asked.values())
    assert twice <= 2 * 8  # at most what was under way when it was killed
    assert len(whole) >= 120
    assert not list(root.rglob(".tmp-*"))
    assert "taken over from an earlier run" in preprocessing(*arguments)


def test_a_full_disk_is_one_clear_line_and_loses_nothing(
    preprocessing: Preprocessing, tmp_path: Path, web: Web
) -> None:
    table = write_table(tmp_path / "links.tsv", web.photos(150))
    arguments = ("download", table, "--name", "photos", "--connections", 4)
    # The system refuses to let a file grow beyond this: the journal meets it first, as it would a full disk.
    code = "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (15_000, 15_000)); "
    code += "runpy.run_module('preprocessing', run_name='__main__')"
    full = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments), "--data-dir", str(preprocessing.data_dir)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert full.returncode == 1, full
    assert full.stderr.count("\n") <= 3
    assert "Downloading to" in full.stderr
    assert "Traceback" not in full.stderr
    stored = len(list((preprocessing.data_dir / "sources" / "photos" / "00000").glob("*.jpg")))
    assert 20 <= stored < 150
    web.asked.clear()
    assert "150 kept, 0 dropped" in preprocessing(*arguments)
    assert sum(web.asked.values()) <= 150 - stored + 8


def test_ctrl_c_keeps_what_is_done(preprocessing: Preprocessing, tmp_path: Path, web: Web) -> None:
    web.delay_s = 0.05
    table = write_table(tmp_path / "links.tsv", web.photos(200))
    process = preprocessing.start("download", table, "--name", "photos", "--connections", 2)
    root = preprocessing.data_dir / "sources" / "photos"
    deadline = time.monotonic() + 120
    while len(list(root.glob("00000/*.jpg"))) < 10:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "links are done and kept so; the same command goes on from there" in errors
    assert "Traceback" not in errors


def test_a_table_of_addresses_becomes_a_catalogue(preprocessing: Preprocessing, tmp_path: Path, web: Web) -> None:
    rows = [f"{url}\ta photo, number {number}" for number, url in enumerate(web.photos(40))]
    table = tmp_path / "shutterstock.tsv"
    table.write_text("\n".join([*rows, f"{web.url}/missing/1\tgone", f"{web.url}/photo/3\ttwice"]) + "\n")
    output = preprocessing.build(table, "--crop-bottom", 8, "--min-size", 10)
    assert "download: 41 kept, 1 dropped (failed to download 1)" in output
    assert "filter: 40 kept, 2 dropped (duplicate 1, failed to download 1)" in output
    catalogue = preprocessing.catalogue()
    items = catalogue.items(catalogue.segments[0].ids)[0]
    assert {(item["width"], item["height"]) for item in items} == {(48, 40)}
    one = next(item for item in items if item["metadata"]["url"] == f"{web.url}/photo/17")
    assert one["caption"] == "a photo, number 17"
    assert hashlib.sha256(catalogue.image_bytes(one["source"])).hexdigest() == one["sha256"]


def test_unsplash_s_folder_becomes_a_catalogue(preprocessing: Preprocessing, tmp_path: Path, web: Web) -> None:
    folder = tmp_path / "lite"
    folder.mkdir()
    names = ["photo_id", "photo_image_url", "photo_description", "ai_description", "photographer_username"]
    rows = [[f"id{n}", f"{web.url}/photo/{n}", "told" if n % 2 else "", f"seen {n}", "someone"] for n in range(12)]
    rows.append(["id99", f"{web.url}/missing/1", "", "", ""])
    (folder / "photos.tsv000").write_text("\n".join("\t".join(row) for row in [names, *rows]) + "\n")
    words = ["photo_id,keyword,ai_service_1_confidence,ai_service_2_confidence,suggested_by_user"]
    words += ["id3,lake,50.1,20,f", "id3,water,90,,f", "id3,mine,,,t", "id4,tree,5,,f"]
    (folder / "keywords.csv000").write_text("\n".join(words) + "\n")
    output = preprocessing.build(folder, "--width", 320)
    assert "filter: 12 kept, 1 dropped (failed to download 1)" in output
    assert all(path.endswith("?w=320") for path in web.asked)
    catalogue = preprocessing.catalogue()
    items = {item["metadata"]["photo_id"]: item for item in catalogue.items(catalogue.segments[0].ids)[0]}
    assert items["id3"]["metadata"]["keywords"] == "mine, water, lake"
    assert (items["id3"]["caption"], items["id4"]["caption"]) == ("told", "seen 4")


def test_another_table_never_overwrites_what_was_fetched(
    preprocessing: Preprocessing, tmp_path: Path, web: Web
) -> None:
    preprocessing("download", write_table(tmp_path / "one.tsv", web.photos(2)), "--name", "photos")
    other = write_table(tmp_path / "two.tsv", web.photos(3))
    with pytest.raises(AssertionError, match="move the folder away, or choose another --name"):
        preprocessing("download", other, "--name", "photos")
    (preprocessing.data_dir / "sources" / "mine").mkdir()
    (preprocessing.data_dir / "sources" / "mine" / "a.txt").touch()
    assert "must be empty" in preprocessing("download", other, "--name", "mine", status=2)
    assert "must be fetched first" in preprocessing("filter", other, "--name", "new", status=2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"link_to\tcaption\nx\ty\n", "must include 'url' or 'image_url', or one named by --url-column"),
        (b"url\tcaption\nhttp://x/1\tgood\nhttp://x/2\tcaf\xe9\n", "must be text in utf-8. Line 3 is not"),
        (b"http://x/1\ta\tb\n", "must have a header line"),
        (b"", "must be readable as its suffix says"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(
    preprocessing: Preprocessing, tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "links.tsv"
    path.write_bytes(content)
    assert message in " ".join(preprocessing("download", path, "--name", "photos", status=2).split())


def test_a_folder_needs_no_download(tmp_path: Path, preprocessing: Preprocessing) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.jpg").write_bytes(photo(1))
    output = preprocessing("download", tmp_path / "pictures", "--name", "photos")
    assert "needs no download" in output
    output = preprocessing("download", tmp_path / "pictures", "--name", "photos", "--crop-bottom", 30, status=2)
    assert "--crop-bottom is for sources of the kind urls" in output
