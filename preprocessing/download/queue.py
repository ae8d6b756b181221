"""Which link is fetched next: so many at a time from one host, and none before its time."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import urlsplit

Item = TypeVar("Item")


@dataclass
class Job(Generic[Item]):
    """A link on its way: ``item`` is the caller's, ``attempt`` counts the tries that failed."""

    url: str
    item: Item
    attempt: int = 0
    host: str = field(init=False)

    def __post_init__(self) -> None:
        try:
            self.host = urlsplit(self.url).netloc.rpartition("@")[2].lower()
        except ValueError:
            self.host = ""


@dataclass
class _Host:
    waiting: deque[Job[object]] = field(default_factory=deque)
    active: int = 0
    not_before: float = 0.0
    listed: bool = False


class LinkQueue(Generic[Item]):
    """Jobs of many hosts; safe for many threads.

    Hosts take turns. At most ``per_host`` jobs of one host are out at once, and none while the host is paused.
    """

    def __init__(self, per_host: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_host = per_host
        self._clock = clock
        self._hosts: dict[str, _Host] = {}
        self._turns: deque[str] = deque()
        self._later: list[tuple[float, int, Job[Item] | None, str]] = []
        self._numbers = itertools.count()
        self._size = 0
        self._closed = False
        self._changed = threading.Condition()

    def __len__(self) -> int:
        """Jobs that wait, now or for later, or are out."""
        return self._size

    def put(self, job: Job[Item], *, after_s: float = 0.0) -> None:
        """Add a job, to be given out in ``after_s`` seconds at the earliest."""
        with self._changed:
            self._size += 1
            if after_s > 0:
                heapq.heappush(self._later, (self._clock() + after_s, next(self._numbers), job, job.host))
            else:
                self._enqueue(job)
            self._changed.notify()

    def take(self) -> Job[Item] | None:
        """The next job, waiting for one; None once the queue is closed. ``finished`` must follow."""
        with self._changed:
            while not self._closed:
                now = self._clock()
                self._wake(now)
                job = self._next(now)
                if job is not None:
                    return job
                self._changed.wait(max(0.0, self._later[0][0] - now) if self._later else None)
            return None

    def finished(self, job: Job[Item]) -> None:
        """``job`` is no longer out; whoever wants it tried again puts it back first."""
        with self._changed:
            self._size -= 1
            host = self._hosts[job.host]
            host.active -= 1
            self._list(job.host, host)
            self._forget(job.host, self._clock())
            self._changed.notify()

    def pause(self, host: str, seconds: float) -> None:
        """Give out no job of ``host`` for so long."""
        with self._changed:
            state = self._hosts.setdefault(host, _Host())
            until = self._clock() + seconds
            if until > state.not_before:
                state.not_before = until
                heapq.heappush(self._later, (until, next(self._numbers), None, host))

    def close(self) -> None:
        """Give out no more jobs."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _enqueue(self, job: Job[Item]) -> None:
        host = self._hosts.setdefault(job.host, _Host())
        host.waiting.append(job)  # type: ignore[arg-type]
        self._list(job.host, host)

    def _list(self, name: str, host: _Host) -> None:
        """Give ``host`` a turn when it can use one; a host is listed once."""
        if host.waiting and host.active < self._per_host and not host.listed:
            host.listed = True
            self._turns.append(name)

    def _forget(self, name: str, now: float) -> None:
        """Let go of a host that nothing is known of, so that memory does not grow with the hosts ever seen."""
        host = self._hosts[name]
        if not host.waiting and not host.active and not host.listed and host.not_before <= now:
            del self._hosts[name]

    def _wake(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            _, _, job, name = heapq.heappop(self._later)
            if job is not None:
                self._enqueue(job)
            elif name in self._hosts:
                self._list(name, self._hosts[name])
                self._forget(name, now)

    def _next(self, now: float) -> Job[Item] | None:
        for _ in range(len(self._turns)):
            name = self._turns.popleft()
            host = self._hosts[name]
            host.listed = False
            if host.not_before > now or not host.waiting or host.active >= self._per_host:
                continue  # listed again when its pause ends or a job of it does
            job = host.waiting.popleft()
            host.active += 1
            self._list(name, host)
            return job  # type: ignore[return-value]
        return None
