"""A bound on the threads that wait for one service: one that hangs leaves the rest for the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests

_PARTS = (3, 4)  # of the threads
_WAIT_S = 1.0


class TooManyWait(requests.RequestException):
    """So many requests wait for the service already that one more would not be answered either."""


class Bulkhead:
    """Places for waiting requests. While they become free, one is waited for; when none does, nobody waits."""

    def __init__(self, threads: int) -> None:
        part, parts = _PARTS
        self._free = threading.BoundedSemaphore(max(1, threads * part // parts))
        self._last_left = time.monotonic()

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place; TooManyWait when there is none."""
        moving = time.monotonic() - self._last_left < _WAIT_S
        if not (self._free.acquire(timeout=_WAIT_S) if moving else self._free.acquire(blocking=False)):
            raise TooManyWait("too many requests wait for this service already")
        try:
            yield
        finally:
            self._last_left = time.monotonic()
            self._free.release()
