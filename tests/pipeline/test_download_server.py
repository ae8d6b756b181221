"""Downloads from a real server that stalls, cuts, lies, sends in circles and refuses."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from preprocessing.download.fetch import Limits
from preprocessing.download.options import DownloadOptions
from preprocessing.download.robots import forbidding_directive
from preprocessing.download.run import Downloader
from tests.pipeline.downloads import DISALLOWED, OPTIONS, fetch, rows
from tests.web import Web

HASTY = replace(OPTIONS, silence_s=1.0, total_s=2.0)


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
