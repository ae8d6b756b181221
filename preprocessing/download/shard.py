"""A shard of downloads on disk, in img2dataset's layout.

00000/000000012.jpg .txt .json    written as they come, each whole or absent
.00000.journal                    a line a link that is done: what a stopped run goes on from
00000.parquet  00000_stats.json   written when all are done; the statistics last: with them the shard is finished
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from pathlib import Path

import pyarrow as pa

from preprocessing.download.journal import Entry, Journal, Result
from preprocessing.download.picture import Picture
from preprocessing.download.tables import (
    NOT_AN_IMAGE,
    NOT_FETCHED,
    RESULT,
    SUCCESS,
    read_table,
    rename_own,
    told_otherwise,
    write_statistics,
    write_table,
)

__all__ = ["NOT_AN_IMAGE", "NOT_FETCHED", "SUCCESS", "ShardFolder"]


class ShardFolder:
    """Shard ``number`` of the folder ``root``, for the rows of ``links``; safe for many threads.

    What an earlier run finished is taken over when it was the same link: rows that failed too, unless ``retry_failed``.
    """

    def __init__(self, root: Path, number: int, links: pa.Table, *, retry_failed: bool = False) -> None:
        self.number = number
        self.name = f"{number:05d}"
        self.folder = root / self.name
        self.links = rename_own(links)
        self._urls: list[str | None] = links.column("url").to_pylist()
        self._journal = Journal(root / f".{self.name}.journal")
        self._table_path = root / f"{self.name}.parquet"
        self._stats_path = root / f"{self.name}_stats.json"
        # As long as the links from the start: a table that grows in one thread after the other leaves each some memory.
        self._results: list[Result | None] = [None] * len(self._urls)
        self._done = 0
        self._lock = threading.Lock()
        self.is_finished = False
        self._started = time.time()
        self._retry_failed = retry_failed

    def open(self) -> list[int]:
        """The rows that are still to be fetched, in order; none when the shard is finished."""
        if self._stats_path.exists():
            before, results = read_table(self._table_path)
            self._take_over(self._still_true(results))
            anew = set(told_otherwise(self.links, before))
            for row, result in self._finished_rows():
                if row in anew and result["status"] == SUCCESS:
                    self._describe(row, result)
            if self.is_complete:
                if anew:  # the table last: it is what tells whether this was done
                    self._write_table()
                self.is_finished = True
                return []
        else:
            self._take_over({entry.row: entry.result for entry in self._journal.entries() if self._holds(entry)})
        # From a table back to a journal first: a run that is killed from here on finds one or the other.
        self._journal.rewrite(self._urls, dict(self._finished_rows()))
        self._stats_path.unlink(missing_ok=True)
        self._table_path.unlink(missing_ok=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._remove_strangers()
        self._journal.open()
        return [row for row, result in enumerate(self._results) if result is None]

    @property
    def done(self) -> int:
        """How many links are done."""
        return self._done

    @property
    def is_complete(self) -> bool:
        """True when all links are done."""
        return self._done == len(self._urls)

    @property
    def failures(self) -> list[tuple[str, str, str]]:
        """(url, status, error) of every link that failed, in order."""
        failed = [(row, result) for row, result in self._finished_rows() if result["status"] != SUCCESS]
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
            "stored_sha256": picture.stored_sha256,
        }
        self._write(f"{key}.{picture.ending}", picture.content)
        self._describe(row, result)
        return self._note(row, result)

    def fail(self, row: int, status: str, message: str) -> bool:
        """Note ``row`` as done without an image; True for the last one."""
        return self._note(row, {"status": status, "error_message": message})

    def finish(self) -> None:
        """Write the table and the statistics; call it once all rows are done."""
        self.close()
        self._write_table()
        write_statistics(self._stats_path, [result for _, result in self._finished_rows()], self._started)
        self._journal.remove()
        self.is_finished = True

    def close(self) -> None:
        """Take no more rows; what is done stays done."""
        with self._lock:
            self._journal.close()

    def _take_over(self, results: dict[int, Result]) -> None:
        self._results = [results.get(row) for row in range(len(self._urls))]
        self._done = len(results)

    def _finished_rows(self) -> list[tuple[int, Result]]:
        return [(row, result) for row, result in enumerate(self._results) if result is not None]

    def _write_table(self) -> None:
        rows = self._finished_rows()
        write_table(self._table_path, self.links, [self.key(row) for row, _ in rows], [result for _, result in rows])

    def _describe(self, row: int, result: Result) -> None:
        """Write the text and the facts of an image."""
        key = self.key(row)
        told = {name: self.links.column(name)[row].as_py() for name in self.links.column_names}
        facts = {**told, "key": key, **{name: result[name] for name in RESULT.names if name in result}}
        if told.get("caption") is not None:
            self._write(f"{key}.txt", str(told["caption"]).encode())
        else:
            (self.folder / f"{key}.txt").unlink(missing_ok=True)
        self._write(f"{key}.json", json.dumps(facts, ensure_ascii=False, default=str).encode())

    def _write(self, name: str, content: bytes) -> None:
        # Not synced, which would take longer than fetching: files that a power cut left empty are fetched again.
        temporary = self.folder / f".tmp-{name}"
        temporary.write_bytes(content)
        temporary.replace(self.folder / name)

    def _note(self, row: int, result: Result) -> bool:
        with self._lock:
            # Of a run that was stopped meanwhile, the row is fetched again.
            if not self._journal.is_open or self._results[row] is not None:
                return False
            self._journal.append(Entry(row, self._urls[row], result))
            self._results[row] = result
            self._done += 1
            complete = self.is_complete
        self._journal.flush()
        return complete

    def _holds(self, entry: Entry) -> bool:
        """True when ``entry`` is of this very link, and its image is on disk as it was stored."""
        row, url, result = entry
        if not 0 <= row < len(self._urls) or self._urls[row] != url:
            return False
        if result.get("status") != SUCCESS:
            return not self._retry_failed
        path = self.folder / str(result.get("file"))
        try:
            return hashlib.sha256(path.read_bytes()).hexdigest() == result.get("stored_sha256")
        except OSError:
            return False

    def _still_true(self, rows: list[Result]) -> dict[int, Result]:
        """Those ``rows`` of a finished shard that are still this table's links, and whose images are there."""
        files = {name.partition(".")[0]: name for name in _image_names(self.folder)}
        results: dict[int, Result] = {}
        for row, told in enumerate(rows):
            url, key = told.pop("url"), told.pop("key")
            if row >= len(self._urls) or url != self._urls[row]:
                continue
            if told["status"] == SUCCESS and key in files:
                results[row] = {**told, "file": files[key]}
            elif told["status"] != SUCCESS and not self._retry_failed:
                results[row] = told
        if len(results) < len(self._urls):
            # The shard is opened again: what it keeps is checked by its bytes from now on.
            for told in results.values():
                if told["status"] == SUCCESS:
                    told["stored_sha256"] = hashlib.sha256((self.folder / told["file"]).read_bytes()).hexdigest()
        return results

    def _remove_strangers(self) -> None:
        """Remove files of rows that are not done: half-written ones, and images of links that are no longer here."""
        known = {self.key(row) for row, result in self._finished_rows() if result["status"] == SUCCESS}
        for path in self.folder.iterdir():
            if path.name.startswith(".tmp-") or path.name.partition(".")[0] not in known:
                path.unlink(missing_ok=True)


def _image_names(folder: Path) -> list[str]:
    """The images in ``folder`` that hold something."""
    if not folder.is_dir():
        return []
    return [
        path.name
        for path in folder.iterdir()
        if path.suffix not in (".txt", ".json") and path.name[0] != "." and path.stat().st_size
    ]
