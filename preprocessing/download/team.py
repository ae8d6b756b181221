"""The threads that fetch: each link is tried until it is there, or given up, and its end is told once."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from preprocessing.download.fetch import Failed, Fetcher, Limits
from preprocessing.download.options import DownloadOptions
from preprocessing.download.queue import Item, Job, LinkQueue

_JOIN_S = 2.0


@dataclass(frozen=True, eq=False)
class _Ticket(Generic[Item]):
    """A link that a thread is fetching, since when (monotonic seconds)."""

    job: Job[Item]
    since: float


class FetchTeam(Generic[Item]):
    """``options.threads`` threads over one queue of links.

    ``settle(item, answer)`` is called once a link, from any thread, with its bytes or why there are none.
    """

    def __init__(
        self, options: DownloadOptions, limits: Limits, settle: Callable[[Item, bytes | Failed], object]
    ) -> None:
        self._options = options
        self._limits = limits
        self._settle = settle
        self._queue: LinkQueue[Item] = LinkQueue(options.per_host)
        self._closed_hosts: dict[str, tuple[float, str]] = {}
        self._threads: list[threading.Thread] = []
        self._out: set[_Ticket[Item]] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._failure: BaseException | None = None
        self._chance = random.Random(0)  # nosec B311 - spreads load, hides nothing

    def start(self) -> None:
        """Start the threads."""
        for _ in range(self._options.threads):
            self._start_thread()

    def put(self, url: str, item: Item) -> None:
        """Have ``url`` fetched; ``item`` is what ``settle`` gets with the answer."""
        self._queue.put(Job(url, item))

    def look_after(self) -> None:
        """Give up links that outlast every limit; raises what ended a thread. Call it now and then."""
        if self._failure is not None:
            raise self._failure
        self._give_up_the_late()

    def stop(self) -> None:
        """Settle no more links, and wait a little for answers that are under way."""
        self._stopped.set()
        self._queue.close()
        deadline = time.monotonic() + _JOIN_S
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))

    def _start_thread(self) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=self._work, name="fetch", daemon=True)
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
                    self._end(job, answer)
                finally:
                    self._queue.finished(job)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that looks after this one
            self._failure = self._failure or error
            self._queue.close()
        finally:
            fetcher.close()

    def _fetch(self, fetcher: Fetcher, job: Job[Item]) -> bytes | Failed:
        closed = self._closed_hosts.get(job.host)
        if closed is not None and time.monotonic() < closed[0]:
            return Failed(closed[1])
        return fetcher.fetch(job.url)

    def _end(self, job: Job[Item], answer: bytes | Failed) -> None:
        if self._stopped.is_set() or (isinstance(answer, Failed) and self._try_again(job, answer)):
            return
        self._settle(job.item, answer)

    def _give_up_the_late(self) -> None:
        """Let go of links that outlast every limit, as a server can do that drips out its headers byte by byte."""
        limits = self._limits
        latest = time.monotonic() - (limits.total_s + limits.connect_s + limits.silence_s)
        with self._lock:
            late = [ticket for ticket in self._out if ticket.since < latest]
            self._out.difference_update(late)
        for ticket in late:
            self._start_thread()
            self._end(ticket.job, Failed(f"took longer than {limits.total_s:g} s"))
            self._queue.finished(ticket.job)

    def _try_again(self, job: Job[Item], answer: Failed) -> bool:
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
