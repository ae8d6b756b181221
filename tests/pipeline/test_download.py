"""Downloads from a real server that stalls, cuts, lies, sends in circles and refuses; and after runs were killed."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from preprocessing.download.fetch import Limits
from preprocessing.download.queue import Job, LinkQueue
from preprocessing.download.robots import forbidding_directive
from preprocessing.download.run import Downloader, DownloadOptions, Outcome
from preprocessing.sources.img2dataset import list_img2dataset
from tests.pipeline.support import REPOSITORY, Preprocessing
from tests.web import Web, photo, serving

OPTIONS = DownloadOptions(threads=8, per_host=8, retries=2, backoff_s=0.02, max_wait_s=5)
HASTY = replace(OPTIONS, silence_s=1.0, total_s=2.0)
DISALLOWED = ("noai", "noimageai", "noindex")


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as one:
        yield one


def fetch(root: Path, urls: list[str], options: DownloadOptions = OPTIONS, **how: object) -> Outcome:
    links = pa.table(
        {"url": urls, "caption": [f"caption {row}" for row in range(len(urls))], "width": ["9"] * len(urls)}
    )
    limits = Limits(silence_s=options.silence_s, total_s=options.total_s, max_bytes=2**20, disallowed=DISALLOWED)
    return Downloader(root, options, limits, **how).run([links])  # type: ignore[arg-type]


def rows(root: Path) -> dict[str, dict[str, object]]:
    """What the tables say, by the path of the address."""
    found = [row for path in sorted(root.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    return {"/" + str(row["url"]).split("/", 3)[3]: row for row in found}


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


def test_a_server_that_misbehaves_costs_nothing_but_its_own_links(tmp_path: Path, web: Web) -> None:
    paths = [
        "/photo/0", "/flaky/1", "/broken/1", "/stall/1", "/silent/1", "/drip/1", "/cut/1", "/unmeasured/1", "/circle/1",
        "/down/1", "/moved/1", "/file/1", "/lie/1", "/modest/1", "/huge/1", "/endless/1", "/photo/8?kind=WEBP",
    ]  # fmt: skip
    fetch(
        tmp_path,
        [*(web.url + path for path in paths), "http://127.0.0.1:9/closed", "ftp://x/y", "no address", "http://["],
        HASTY,
    )
    told = {row["url"]: row for row in pq.read_table(tmp_path / "00000.parquet").to_pylist()}
    stored = {url.removeprefix(web.url) for url, row in told.items() if row["status"] == "success"}
    assert stored == {"/photo/0", "/flaky/1", "/moved/1", "/modest/1", "/photo/8?kind=WEBP"}
    reasons = {url.removeprefix(web.url): str(row["error_message"]) for url, row in told.items()}
    for path, reason in {
        "/broken/1": "HTTP Error 500",
        "/stall/1": "no answer within 1 s",
        "/silent/1": "no answer within 1 s",
        "/drip/1": "took longer than 2 s",
        "/cut/1": "the connection broke",
        "/unmeasured/1": "cannot be decoded",
        "/circle/1": "redirects in a circle",
        "/down/1": "too many redirects",
        "/file/1": "must begin with http",
        "/lie/1": "bytes of another kind",
        "/huge/1": "1,000,000,000,000 bytes, at most 1,048,576",
        "/endless/1": "more than 1,048,576 bytes",
        "http://127.0.0.1:9/closed": "the connection broke",
        "ftp://x/y": "must begin with http",
        "no address": "must begin with http",
        "http://[": "cannot be used",
    }.items():
        assert reason in reasons[path], (path, reasons[path])
    assert web.asked["/flaky/1"] == 3
    assert web.asked["/broken/1"] == web.asked["/cut/1"] == 3  # two more tries
    assert web.asked["/missing/1"] <= 1
    names = {path.suffix for path in (tmp_path / "00000").iterdir() if path.suffix not in (".txt", ".json")}
    assert names == {".jpg", ".png", ".webp"}
    for path in (tmp_path / "00000").iterdir():
        assert not path.name.startswith(".")
        if path.suffix not in (".txt", ".json"):
            with Image.open(path) as image:
                image.load()


def test_a_server_that_drips_out_its_headers_holds_nobody_up(tmp_path: Path, web: Web) -> None:
    limits = Limits(connect_s=0.5, silence_s=0.5, total_s=1.0)
    links = pa.table({"url": [f"{web.url}/dribble/{n}" for n in range(3)] + web.photos(20), "caption": [None] * 23})
    started = time.monotonic()
    outcome = Downloader(tmp_path, DownloadOptions(threads=2, retries=10, backoff_s=0.05), limits).run([links])
    assert time.monotonic() - started < 9  # they drip for ten seconds each
    assert outcome.stored == 20
    assert [message for _, _, message in outcome.failures] == ["took longer than 1 s"] * 3


def test_retry_after_is_kept_for_the_whole_host(tmp_path: Path, web: Web) -> None:
    options = DownloadOptions(threads=2, per_host=1, backoff_s=0.01, max_wait_s=5)
    fetch(tmp_path, [f"{web.url}/busy/2", *web.photos(3)], options)
    assert all(row["status"] == "success" for row in rows(tmp_path).values())
    waits = [later - earlier for earlier, later in zip(web.times, web.times[1:], strict=False)]
    assert waits[0] >= 1.9
    assert web.asked["/busy/2"] == 2


def test_a_host_that_asks_for_too_long_a_wait_is_left_alone(tmp_path: Path, web: Web) -> None:
    options = DownloadOptions(threads=1, per_host=1, backoff_s=0.01, max_wait_s=5)
    fetch(tmp_path, [f"{web.url}/busy/3600", *web.photos(3)], options)
    assert sum(web.asked.values()) == 1
    assert "asks to wait 3,600 s" in str(rows(tmp_path)["/photo/2"]["error_message"])
    fetch(tmp_path, [f"{web.url}/busy/3600", *web.photos(3)], DownloadOptions(retry_failed=True))
    assert all(row["status"] == "success" for row in rows(tmp_path).values())


def test_one_host_is_never_asked_for_more_at_once_than_allowed(tmp_path: Path, web: Web) -> None:
    web.delay_s = 0.02
    fetch(tmp_path, web.photos(40), DownloadOptions(threads=16, per_host=3))
    assert web.most_at_once <= 3
    assert sum(web.asked.values()) == 40


def test_no_index_and_no_ai_headers_are_respected(tmp_path: Path, web: Web) -> None:
    tags = ["noai", "otherbot: noai", "NOINDEX, nofollow", "clip-branches: noimageai", "max-snippet: 5, noai", "all"]
    fetch(tmp_path, [*(f"{web.url}/robots/{n}?tag={tag}" for n, tag in enumerate(tags)), f"{web.url}/reserved/1"])
    told = [str(row["status"]) for row in pq.read_table(tmp_path / "00000.parquet").to_pylist()]
    refused, fine = "failed_to_download", "success"
    assert told == [refused, fine, refused, refused, refused, fine, refused]
    assert forbidding_directive(["otherbot: noai", "noindex"], DISALLOWED, "clip-branches") == "noindex"
    assert forbidding_directive(["unavailable_after: 25 Jun 2030, noai"], DISALLOWED, "clip-branches") == "noai"
    assert forbidding_directive(["noai"], (), "clip-branches") is None


def test_the_lowest_pixels_are_cut_off(tmp_path: Path, web: Web) -> None:
    fetch(tmp_path, [*web.photos(2), f"{web.url}/photo/3?kind=PNG"], crop_bottom=30)
    row = rows(tmp_path)["/photo/1"]
    assert (row["width"], row["height"], row["original_height"]) == (48, 18, 48)
    assert row["sha256"] == hashlib.sha256(photo(1)).hexdigest()
    with Image.open(tmp_path / "00000" / "000000001.jpg") as image:
        assert image.size == (48, 18)
    fetch(tmp_path / "all", web.photos(1), crop_bottom=48)
    assert rows(tmp_path / "all")["/photo/0"]["status"] == "failed_to_resize"


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


# The command


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


# The queue


def test_the_queue_gives_hosts_turns_and_keeps_their_pauses() -> None:
    now = [0.0]
    queue: LinkQueue[int] = LinkQueue(2, clock=lambda: now[0])
    for number in range(4):
        queue.put(Job(f"http://a/{number}", number))
    queue.put(Job("http://b/9", 9))
    taken = [queue.take() for _ in range(3)]
    assert [job.item for job in taken if job] == [0, 9, 1]  # two of a at most
    queue.pause("a", 10)
    first = taken[0]
    assert first is not None
    queue.finished(first)
    queue.put(Job("http://b/10", 10), after_s=5)
    now[0] = 5.0
    later = queue.take()
    assert later is not None
    assert later.item == 10
    now[0] = 10.0
    resumed = queue.take()
    assert resumed is not None
    assert resumed.item == 2
    queue.close()
    assert queue.take() is None


def test_a_queue_of_many_hosts_forgets_those_that_are_done() -> None:
    queue: LinkQueue[int] = LinkQueue(2)
    for number in range(1_000):
        queue.put(Job(f"http://host{number}/", number))
    seen = set()
    while len(queue):
        job = queue.take()
        assert job is not None
        seen.add(job.item)
        queue.finished(job)
    assert len(seen) == 1_000
    assert not queue._hosts


def test_a_folder_needs_no_download(tmp_path: Path, preprocessing: Preprocessing) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.jpg").write_bytes(photo(1))
    output = preprocessing("download", tmp_path / "pictures", "--name", "photos")
    assert "needs no download" in output
    output = preprocessing("download", tmp_path / "pictures", "--name", "photos", "--crop-bottom", 30, status=2)
    assert "--crop-bottom is for sources of the kind urls" in output
