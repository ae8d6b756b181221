"""What the tests of downloads share: fetching from the server that misbehaves, and reading the tables."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from preprocessing.download.fetch import Limits
from preprocessing.download.options import DownloadOptions
from preprocessing.download.run import Downloader, Outcome

OPTIONS = DownloadOptions(threads=8, per_host=8, retries=2, backoff_s=0.02, max_wait_s=5)
DISALLOWED = ("noai", "noimageai", "noindex")


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
