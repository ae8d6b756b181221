"""The loop of a download: shards are opened one after the other, their links are fetched by many threads at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from clip_branches.catalogue.storage import storage_error
from clip_branches.errors import InvalidInput
from preprocessing.download.fetch import Failed, Limits
from preprocessing.download.options import DownloadOptions
from preprocessing.download.picture import read_picture
from preprocessing.download.shard import NOT_AN_IMAGE, NOT_FETCHED, ShardFolder
from preprocessing.download.team import FetchTeam
from preprocessing.interrupt import Stopped
from preprocessing.pool import default_workers

_OPEN_SHARDS = 2
_LOOK_EVERY_S = 0.2


class Outcome(NamedTuple):
    """How a download ended: links ``total``, ``stored``, ``taken_over`` from earlier runs, and what failed."""

    total: int
    stored: int
    taken_over: int
    failures: list[tuple[str, str, str]]


class _Link(NamedTuple):
    """An address, and the rows of a shard that name it: fetched once, stored for each."""

    shard: ShardFolder
    rows: list[int]


class Downloader:
    """Fetches links into shards below ``root``; use ``run`` once.

    ``finished`` is told how many links are done, as they are, also from threads.
    """

    def __init__(
        self,
        root: Path,
        options: DownloadOptions,
        limits: Limits,
        *,
        shard_size: int = 10_000,
        crop_bottom: int = 0,
        finished: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._root = root
        self._retry_failed = options.retry_failed
        self._shard_size = shard_size
        self._crop_bottom = crop_bottom
        self._finished = finished
        self._team: FetchTeam[_Link] = FetchTeam(options, limits, self._settle)
        self._open: list[ShardFolder] = []
        self._complete = threading.Event()
        self._lock = threading.Lock()
        self._room = threading.Semaphore(default_workers())
        self._total = self._stored = self._taken_over = 0
        self._failures: list[tuple[str, str, str]] = []

    def run(self, batches: Iterable[pa.Table]) -> Outcome:
        """Fetch all links in ``batches`` (columns url and caption, and any others).

        Raises StorageError when the disk refuses, Stopped on Ctrl-C; what was done is kept in both cases.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        try:
            self._team.start()
            for number, links in enumerate(in_shards(batches, self._shard_size)):
                self._leave_open(_OPEN_SHARDS - 1)
                self._begin(number, links)
            self._leave_open(0)
        except KeyboardInterrupt as error:
            self._stop()
            raise Stopped(
                f"Stopped: {self._done():,} links are done and kept so; the same command goes on from there."
            ) from error
        except OSError as error:
            raise storage_error(f"Downloading to {self._root}", error) from error
        finally:
            self._stop()
        return Outcome(self._total, self._stored, self._taken_over, self._failures)

    def _begin(self, number: int, links: pa.Table) -> None:
        shard = ShardFolder(self._root, number, links, retry_failed=self._retry_failed)
        rows = shard.open()
        self._total += links.num_rows
        self._taken_over += shard.done
        if shard.done:
            self._finished(shard.done)
        self._open.append(shard)
        if not rows:
            self._complete.set()
        urls = links.column("url")
        rows_of: dict[str, list[int]] = {}
        for row in rows:
            rows_of.setdefault(str(urls[row].as_py() or "").strip(), []).append(row)
        for url, same in rows_of.items():
            self._team.put(url, _Link(shard, same))

    def _settle(self, item: _Link, answer: bytes | Failed) -> None:
        """Store what came, or note why nothing did; called by the threads.

        As many at once as there are processors: more would only wait for each other in the middle of it.
        """
        with self._room:
            self._store(item, answer)

    def _store(self, item: _Link, answer: bytes | Failed) -> None:
        shard, rows = item
        picture, state, reason = None, NOT_FETCHED, ""
        if isinstance(answer, Failed):
            reason = answer.message
        else:
            try:
                picture = read_picture(answer, self._crop_bottom)
            except InvalidInput as error:
                state, reason = NOT_AN_IMAGE, error.message
        for row in rows:
            complete = shard.fail(row, state, reason) if picture is None else shard.store(row, picture)
            self._finished(1)
            if complete:
                self._complete.set()
        if picture is not None:
            with self._lock:
                self._stored += len(rows)

    def _leave_open(self, count: int) -> None:
        """Wait until at most ``count`` shards are open, and finish each whose links are all done.

        Tables are written here, by the one thread that waits: Arrow's allocator keeps some megabytes for every thread
        that ever wrote one, and threads that fetch are many.
        """
        while True:
            self._complete.clear()
            for shard in [shard for shard in self._open if shard.is_complete]:
                if not shard.is_finished:
                    shard.finish()
                self._failures.extend(shard.failures)
                self._open.remove(shard)
            if len(self._open) <= count:
                return
            self._team.look_after()
            self._complete.wait(_LOOK_EVERY_S)

    def _stop(self) -> None:
        """Let no row be noted any more."""
        for shard in self._open:
            shard.close()
        self._team.stop()

    def _done(self) -> int:
        return self._taken_over + self._stored + len(self._failures)


def in_shards(batches: Iterable[pa.Table], size: int) -> Iterator[pa.Table]:
    """The rows of ``batches`` in tables of ``size`` rows, the last one of what is left."""
    waiting: list[pa.Table] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        while rows >= size:
            table = pa.concat_tables(waiting, promote_options="permissive")
            yield table.slice(0, size).combine_chunks()
            rows -= size
            waiting = [table.slice(size)] if rows else []
    if rows:
        yield pa.concat_tables(waiting, promote_options="permissive").combine_chunks()
