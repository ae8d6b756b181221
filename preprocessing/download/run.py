"""The loop of a download: shards are opened one after the other, their links are fetched by many threads at once."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from clip_branches.catalogue.storage import storage_error
from clip_branches.errors import InvalidInput
from preprocessing.download.fetch import Failed, Fetcher, Limits
from preprocessing.download.picture import read_picture
from preprocessing.download.queue import Job, LinkQueue
from preprocessing.download.shard import NOT_AN_IMAGE, NOT_FETCHED, ShardFolder
from preprocessing.interrupt import Stopped

_OPEN_SHARDS = 2
_LOOK_EVERY_S = 0.2
_JOIN_S = 2.0


@dataclass(frozen=True)
class DownloadOptions:
    """How links are fetched. Waits between tries double from ``backoff_s``, with chance, up to ``max_wait_s``.

    A server that asks for a longer wait than ``max_wait_s`` is not asked again in this run.
    """

    threads: int = 32
    per_host: int = 16
    retries: int = 3
    backoff_s: float = 1.0
    max_wait_s: float = 120.0
    retry_failed: bool = False
    connect_s: float = 5.0
    silence_s: float = 10.0
    total_s: float = 60.0


class Outcome(NamedTuple):
    """How a download ended: links ``total``, ``stored``, ``taken_over`` from earlier runs, and what failed."""

    total: int
    stored: int
    taken_over: int
    failures: list[tuple[str, str, str]]


class _Row(NamedTuple):
    shard: ShardFolder
    row: int


@dataclass(frozen=True, eq=False)
class _Ticket:
    """A link that a thread is fetching, since when (monotonic seconds)."""

    job: Job[_Row]
    since: float


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
        self._options = options
        self._limits = limits
        self._shard_size = shard_size
        self._crop_bottom = crop_bottom
        self._finished = finished
        self._queue: LinkQueue[_Row] = LinkQueue(options.per_host)
        self._open: list[ShardFolder] = []
        self._closed_hosts: dict[str, tuple[float, str]] = {}
        self._threads: list[threading.Thread] = []
        self._out: set[_Ticket] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._failure: BaseException | None = None
        self._chance = random.Random(0)
        self._total = self._stored = self._taken_over = 0
        self._failures: list[tuple[str, str, str]] = []

    def run(self, batches: Iterable[pa.Table]) -> Outcome:
        """Fetch all links in ``batches`` (columns url and caption, and any others).

        Raises StorageError when the disk refuses, Stopped on Ctrl-C; what was done is kept in both cases.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        try:
            for _ in range(self._options.threads):
                self._start_thread()
            for number, links in enumerate(in_shards(batches, self._shard_size)):
                self._wait_for(lambda: len(self._open) < _OPEN_SHARDS)
                self._begin(number, links)
            self._wait_for(lambda: not self._open)
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
        shard = ShardFolder(self._root, number, links, retry_failed=self._options.retry_failed)
        rows = shard.open()
        self._total += links.num_rows
        self._taken_over += shard.done
        if shard.done:
            self._finished(shard.done)
        with self._lock:
            self._open.append(shard)
        if not rows:
            self._end(shard)
        urls = links.column("url")
        for row in rows:
            self._queue.put(Job(str(urls[row].as_py() or "").strip(), _Row(shard, row)))

    def _end(self, shard: ShardFolder) -> None:
        if not shard.is_finished:
            shard.finish()
        with self._lock:
            self._failures.extend(shard.failures)
            self._open.remove(shard)

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._work, name=f"fetch-{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        fetcher = Fetcher(self._limits, self._stopped)
        try:
            while (job := self._queue.take()) is not None:
                ticket = _Ticket(job, time.monotonic())
                with self._lock:
                    self._out.add(ticket)
                answer = self._fetch(fetcher, job)
                with self._lock:
                    if ticket not in self._out:
                        return  # given up meanwhile: another thread has taken this one's place
                    self._out.remove(ticket)
                try:
                    self._settle(job, answer)
                finally:
                    self._queue.finished(job)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            self._failure = self._failure or error
            self._queue.close()
        finally:
            fetcher.close()

    def _fetch(self, fetcher: Fetcher, job: Job[_Row]) -> bytes | Failed:
        closed = self._closed_hosts.get(job.host)
        if closed is not None and time.monotonic() < closed[0]:
            return Failed(closed[1])
        return fetcher.fetch(job.url)

    def _settle(self, job: Job[_Row], answer: bytes | Failed) -> None:
        """Store what came, note why nothing did, or put the job back."""
        shard, row = job.item
        if self._stopped.is_set():
            return
        if isinstance(answer, Failed):
            if self._try_again(job, answer):
                return
            complete = shard.fail(row, NOT_FETCHED, answer.message)
        else:
            try:
                complete = shard.store(row, read_picture(answer, self._crop_bottom))
                self._stored += 1
            except InvalidInput as error:
                complete = shard.fail(row, NOT_AN_IMAGE, error.message)
        self._finished(1)
        if complete:
            self._end(shard)

    def _give_up_the_late(self) -> None:
        """Let go of links that outlast every limit, as a server can do that drips out its headers byte by byte."""
        limits = self._limits
        latest = time.monotonic() - (limits.total_s + limits.connect_s + limits.silence_s)
        with self._lock:
            late = [ticket for ticket in self._out if ticket.since < latest]
            self._out.difference_update(late)
        for ticket in late:
            self._start_thread()
            self._settle(ticket.job, Failed(f"took longer than {limits.total_s:g} s"))
            self._queue.finished(ticket.job)

    def _try_again(self, job: Job[_Row], answer: Failed) -> bool:
        """Put ``job`` back for later when that makes sense; a busy host is left alone as a whole."""
        options = self._options
        wait = min(options.max_wait_s, options.backoff_s * 2**job.attempt * self._chance.uniform(0.5, 1.5))
        if answer.wait_s is not None and answer.wait_s > options.max_wait_s:
            message = f"{answer.message} (the server asks to wait {answer.wait_s:,.0f} s)"
            with self._lock:
                self._closed_hosts[job.host] = (time.monotonic() + answer.wait_s, message)
            return False
        if answer.busy:
            wait = max(wait if answer.wait_s is None else 0.0, answer.wait_s or 0.0)
            self._queue.pause(job.host, wait)
        if not answer.again or job.attempt >= options.retries:
            return False
        job.attempt += 1
        self._queue.put(job, after_s=wait)
        return True

    def _wait_for(self, reached: Callable[[], bool]) -> None:
        while not reached():
            if self._failure is not None:
                raise self._failure
            self._give_up_the_late()
            self._stopped.wait(_LOOK_EVERY_S)

    def _stop(self) -> None:
        """Let no row be noted any more, and wait a little for answers that are under way."""
        self._stopped.set()
        self._queue.close()
        for shard in list(self._open):
            shard.close()
        deadline = time.monotonic() + _JOIN_S
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))

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
