"""A shard of downloads on disk, in img2dataset's layout.

00000/000000012.jpg .txt .json    written as they come, each whole or absent
.00000.journal                    a line a link that is done: what a stopped run goes on from
00000.parquet  00000_stats.json   written when all are done; the statistics last: with them the shard is finished
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from clip_branches.files import replacing, write_whole
from preprocessing.download.picture import Picture

SUCCESS, NOT_FETCHED, NOT_AN_IMAGE = "success", "failed_to_download", "failed_to_resize"
_RESULT = pa.schema(
    [
        ("key", pa.string()),
        ("status", pa.string()),
        ("error_message", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("original_width", pa.int32()),
        ("original_height", pa.int32()),
        ("exif", pa.string()),
        ("sha256", pa.string()),
    ]
)


class ShardFolder:
    """Shard ``number`` of the folder ``root``, for the rows of ``links``; safe for many threads.

    What an earlier run finished is taken over when it was the same link: rows that failed too, unless ``retry_failed``.
    """

    def __init__(self, root: Path, number: int, links: pa.Table, *, retry_failed: bool = False) -> None:
        self.number = number
        self.name = f"{number:05d}"
        self.folder = root / self.name
        self.links = _rename_own(links)
        self._urls: list[str | None] = links.column("url").to_pylist()
        self._journal_path = root / f".{self.name}.journal"
        self._table_path = root / f"{self.name}.parquet"
        self._stats_path = root / f"{self.name}_stats.json"
        self._results: dict[int, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._journal: int | None = None
        self.is_finished = False
        self._started = time.time()
        self._retry_failed = retry_failed

    def open(self) -> list[int]:
        """The rows that are still to be fetched, in order; none when the shard is finished."""
        finished = self._read_finished()
        if finished is not None:
            self._results = finished
            if len(finished) == len(self._urls):
                self.is_finished = True
                return []
            # From a table back to a journal first: a run that is killed from here on finds one or the other.
            lines = "".join(_line(row, self._urls[row], result) for row, result in sorted(finished.items()))
            write_whole(self._journal_path, lines.encode())
        else:
            self._results = self._read_journal()
        self._stats_path.unlink(missing_ok=True)
        self._table_path.unlink(missing_ok=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._remove_strangers()
        self._journal = os.open(self._journal_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        return [row for row in range(len(self._urls)) if row not in self._results]

    @property
    def done(self) -> int:
        """How many links are done."""
        return len(self._results)

    @property
    def failures(self) -> list[tuple[str, str, str]]:
        """(url, status, error) of every link that failed, in order."""
        failed = [(row, result) for row, result in sorted(self._results.items()) if result["status"] != SUCCESS]
        return [(self._urls[row] or f"row {row}", result["status"], result["error_message"]) for row, result in failed]

    def key(self, row: int) -> str:
        """The key of a row: five digits of the shard, four of the row."""
        return f"{self.name}{row:04d}"

    def store(self, row: int, picture: Picture) -> bool:
        """Store the image of ``row``, with its text and facts, and note it as done; True for the last one."""
        key = self.key(row)
        result = {
            "status": SUCCESS,
            "error_message": None,
            "width": picture.width,
            "height": picture.height,
            "original_width": picture.original_width,
            "original_height": picture.original_height,
            "sha256": picture.sha256,
            "file": f"{key}.{picture.ending}",
            "stored_sha256": hashlib.sha256(picture.content).hexdigest(),
        }
        told = {name: self.links.column(name)[row].as_py() for name in self.links.column_names}
        facts = {**told, "key": key, **{name: result[name] for name in _RESULT.names if name in result}}
        self._write(result["file"], picture.content)
        if told.get("caption") is not None:
            self._write(f"{key}.txt", str(told["caption"]).encode())
        self._write(f"{key}.json", json.dumps(facts, ensure_ascii=False, default=str).encode())
        return self._note(row, result)

    def fail(self, row: int, status: str, message: str) -> bool:
        """Note ``row`` as done without an image; True for the last one."""
        return self._note(row, {"status": status, "error_message": message})

    def finish(self) -> None:
        """Write the table and the statistics; call it once all rows are done."""
        rows = [self._results[row] for row in range(len(self._urls))]
        table = self.links
        for field in _RESULT:
            if field.name == "key":
                values: list[Any] = [self.key(row) for row in range(len(rows))]
            elif field.name == "exif":
                values = ["{}" if row["status"] == SUCCESS else None for row in rows]
            else:
                values = [row.get(field.name) for row in rows]
            table = table.append_column(field.name, pa.array(values, field.type))
        self.close()
        with replacing(self._table_path) as temporary:
            pq.write_table(table, temporary)
        states = Counter(row["status"] for row in rows)
        reasons = Counter(row["error_message"] or SUCCESS for row in rows)
        now = time.time()
        stats = {
            "count": len(rows),
            "successes": states[SUCCESS],
            NOT_FETCHED: states[NOT_FETCHED],
            NOT_AN_IMAGE: states[NOT_AN_IMAGE],
            "duration": now - self._started,
            "start_time": self._started,
            "end_time": now,
            "status_dict": dict(reasons),
        }
        write_whole(self._stats_path, (json.dumps(stats, indent=4) + "\n").encode())
        self._journal_path.unlink(missing_ok=True)
        self.is_finished = True

    def close(self) -> None:
        """Take no more rows; what is done stays done."""
        with self._lock:
            if self._journal is not None:
                os.close(self._journal)
                self._journal = None

    def _write(self, name: str, content: bytes) -> None:
        # Not synced, which would take longer than fetching: files that a power cut left empty are fetched again.
        temporary = self.folder / f".tmp-{name}"
        temporary.write_bytes(content)
        temporary.replace(self.folder / name)

    def _note(self, row: int, result: dict[str, Any]) -> bool:
        line = _line(row, self._urls[row], result).encode()
        with self._lock:
            if self._journal is None:
                return False  # the run was stopped meanwhile: the row is fetched again
            if row in self._results:
                return False
            if os.write(self._journal, line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._journal_path))
            self._results[row] = result
            return len(self._results) == len(self._urls)

    def _read_journal(self) -> dict[int, dict[str, Any]]:
        """Rows that an earlier run finished, as far as their files are what was noted."""
        try:
            lines = self._journal_path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return {}
        results: dict[int, dict[str, Any]] = {}
        for line in lines:
            try:
                noted = json.loads(line)
                row, url, result = int(noted["row"]), noted["url"], noted["result"]
            except (ValueError, KeyError, TypeError):
                continue  # the last line of a run that was killed
            if self._holds(row, url, result):
                results[row] = result
        whole = [_line(row, self._urls[row], result) for row, result in sorted(results.items())]
        write_whole(self._journal_path, "".join(whole).encode())
        return results

    def _holds(self, row: int, url: str | None, result: dict[str, Any]) -> bool:
        """True when ``result`` is of this very link, and its image is on disk as it was stored."""
        if not 0 <= row < len(self._urls) or self._urls[row] != url:
            return False
        if result.get("status") != SUCCESS:
            return not self._retry_failed
        path = self.folder / str(result.get("file"))
        try:
            return hashlib.sha256(path.read_bytes()).hexdigest() == result.get("stored_sha256")
        except OSError:
            return False

    def _read_finished(self) -> dict[int, dict[str, Any]] | None:
        """Rows of a finished shard that are still this table's links; None when it is not finished."""
        if not self._stats_path.exists():
            return None
        try:
            table = pq.read_table(self._table_path)
            rows = table.select(["url", *(name for name in _RESULT.names if name != "exif")]).to_pylist()
        except (pa.ArrowException, OSError, KeyError):
            return {}
        files = {name.partition(".")[0]: name for name in _image_names(self.folder)}
        results: dict[int, dict[str, Any]] = {}
        for row, told in enumerate(rows):
            url, key = told.pop("url"), told.pop("key")
            if row >= len(self._urls) or url != self._urls[row]:
                continue
            if told["status"] == SUCCESS and key not in files:
                continue
            if told["status"] != SUCCESS and self._retry_failed:
                continue
            if told["status"] == SUCCESS:
                told["file"] = files[key]
            results[row] = told
        if len(results) < len(self._urls):
            # The shard is opened again: what it keeps is checked by its bytes from now on.
            for told in results.values():
                if told["status"] == SUCCESS:
                    told["stored_sha256"] = hashlib.sha256((self.folder / told["file"]).read_bytes()).hexdigest()
        return results

    def _remove_strangers(self) -> None:
        """Remove files of rows that are not done: half-written ones, and images of links that are no longer here."""
        known = {self.key(row) for row, result in self._results.items() if result["status"] == SUCCESS}
        for path in self.folder.iterdir():
            if path.name.startswith(".tmp-") or path.name.partition(".")[0] not in known:
                path.unlink(missing_ok=True)


def _rename_own(links: pa.Table) -> pa.Table:
    """``links`` with names for their further columns that the layout does not use itself."""
    names = [f"source_{name}" if name in _RESULT.names else name for name in links.column_names]
    return links.rename_columns(names)


def _line(row: int, url: str | None, result: dict[str, Any]) -> str:
    return json.dumps({"row": row, "url": url, "result": result}, ensure_ascii=False) + "\n"


def _image_names(folder: Path) -> list[str]:
    """The images in ``folder`` that hold something."""
    if not folder.is_dir():
        return []
    return [
        path.name
        for path in folder.iterdir()
        if path.suffix not in (".txt", ".json") and path.name[0] != "." and path.stat().st_size
    ]
