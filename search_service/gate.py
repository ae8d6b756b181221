"""How much a process takes on: a few searches compute at once, a bounded number wait, some threads stay free."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from clip_branches.cancelling import checkpoint
from clip_branches.errors import ServiceUnavailable
from clip_branches.service.measures import place
from search_service.turns import Turns

_MOMENT_S = 0.2


class Gate:
    """Keeps request threads free for /livez and for pages of known answers, however many searches come in."""

    def __init__(self, threads: int) -> None:
        self._admitted = threading.BoundedSemaphore(max(1, threads - max(1, threads // 8)))
        # More trainings at once than cores would only make each of them, and the health check, wait for the others.
        self._computing = Turns(max(2, os.cpu_count() or 2))
        self._inside = 0
        self._left = 0.0
        self._lock = threading.Lock()

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """A place in the service; ServiceUnavailable at once when there is none."""
        if not self._admitted.acquire(blocking=False):
            raise ServiceUnavailable("The search service is busy with other searches. Try again in a second.")
        with self._lock:
            self._inside += 1
        try:
            with place("admitted"):
                yield
        finally:
            with self._lock:
                self._inside -= 1
                self._left = time.monotonic()
            self._admitted.release()

    def idle(self) -> bool:
        """Whether nobody is inside, nor was a moment ago."""
        with self._lock:
            return self._inside == 0 and time.monotonic() - self._left > _MOMENT_S

    @contextmanager
    def computing(self) -> Iterator[None]:
        """A core to work on; waits for one, and leaves it to others where nobody waits for the work any more."""
        with ExitStack() as stack:
            with place("waiting"):
                stack.enter_context(self._computing)
            checkpoint()
            with place("computing"):
                yield
