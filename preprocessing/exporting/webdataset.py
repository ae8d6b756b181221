"""Images, captions and metadata as tar shards in the layout of img2dataset's webdataset output.

00000.tar            000000000.jpg  000000000.txt  000000000.json ...
00000.parquet        url, caption, key, status, error_message, width, height, sha256, id, metadata ...
00000_stats.json     counts and times
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, UnidentifiedImageError

from clip_branches.catalogue import Catalogue, is_url
from clip_branches.errors import ClipBranchesError
from clip_branches.images import FORMATS
from preprocessing.growing.plan import live_items
from preprocessing.progress import Progress
from preprocessing.report import Note

_SUFFIXES = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif"}
_CORE = ("id", "source", "caption", "width", "height", "sha256")


def write_shards(catalogue: Catalogue, folder: Path, *, per_shard: int) -> list[Note]:
    """Write the shards; the images that could not be read, or are not those of the catalogue, as notes."""
    items = live_items(catalogue).sort_by("id")
    dropped: list[Note] = []
    count = -(-items.num_rows // per_shard)
    digits = max(5, len(str(count - 1)))
    with Progress("export", items.num_rows) as progress:
        for number in range(count):
            rows = items.slice(number * per_shard, per_shard).to_pylist()
            dropped += _write_shard(catalogue, folder, f"{number:0{digits}d}", rows, number * per_shard, progress)
    return dropped


def _write_shard(
    catalogue: Catalogue, folder: Path, shard: str, rows: list[dict[str, Any]], first: int, progress: Progress
) -> list[Note]:
    began = time.time()
    dropped: list[Note] = []
    records: list[dict[str, Any]] = []
    with tarfile.open(folder / f"{shard}.tar", "w") as tar:
        for position, row in enumerate(rows):
            key = f"{first + position:09d}"
            record = _record(row, key)
            try:
                content = image_bytes(catalogue, row)
            except (ClipBranchesError, OSError) as error:
                message = error.message if isinstance(error, ClipBranchesError) else error.strerror or str(error)
                dropped.append(Note(row["source"], "image not there", message))
                record |= {"status": "failed_to_download", "error_message": message}
            else:
                _add(tar, f"{key}.{_suffix(content)}", content)
                if row["caption"] is not None:
                    _add(tar, f"{key}.txt", row["caption"].encode())
                _add(tar, f"{key}.json", json.dumps(record, ensure_ascii=False, default=str).encode())
            records.append(record)
            progress.update()
    pq.write_table(pa.Table.from_pylist(records), folder / f"{shard}.parquet")
    ended = time.time()
    stats = {
        "count": len(rows),
        "successes": len(rows) - len(dropped),
        "failed_to_download": len(dropped),
        "failed_to_resize": 0,
        "duration": ended - began,
        "start_time": began,
        "end_time": ended,
        "status_dict": {"success": len(rows) - len(dropped), "failed_to_download": len(dropped)},
    }
    (folder / f"{shard}_stats.json").write_text(json.dumps(stats, indent=4) + "\n", encoding="utf-8")
    return dropped


def image_bytes(catalogue: Catalogue, row: dict[str, Any]) -> bytes:
    """The file of an item, if its bytes are still those of the catalogue; ClipBranchesError or OSError if not."""
    if is_url(row["source"]):
        raise ClipBranchesError("it is an address, and addresses are not fetched here")
    content = catalogue.image_bytes(row["source"])
    if hashlib.sha256(content).hexdigest() != row["sha256"]:
        raise ClipBranchesError("the file was changed after the catalogue was made")
    return content


def _record(row: dict[str, Any], key: str) -> dict[str, Any]:
    record: dict[str, Any] = {
        "url": row["source"],
        "caption": row["caption"],
        "key": key,
        "status": "success",
        "error_message": None,
        "width": row["width"],
        "height": row["height"],
        "original_width": row["width"],
        "original_height": row["height"],
        "sha256": row["sha256"],
        "id": row["id"],
    }
    further = {name: value for name, value in row.items() if name not in _CORE}
    return {**record, **{f"item_{name}" if name in record else name: value for name, value in further.items()}}


def _suffix(content: bytes) -> str:
    """By the kind that the bytes are: a name may say another one, or none."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            return _SUFFIXES.get(image.format or "", "jpg")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return "jpg"


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)  # no time, owner or mode of ours: the same items make the same file
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
