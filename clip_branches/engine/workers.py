"""Threads that share the work of one query: serial kernels over ranges of blocks, each without the interpreter's lock.

The ranges and the order in which their results are put together do not depend on how many threads there are or which
of them is first, so neither does the answer.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from clip_branches.engine.checks import check_count

T = TypeVar("T")
P = TypeVar("P")
_MOST_BY_DEFAULT = 4
_RANGES = 4  # a thread, so that one that is held up leaves work to the others


class Workers:
    """At most ``threads`` threads at work for one call, the calling one among them; they start when first needed.

    Any number of threads may call at once: they share the helpers.
    """

    def __init__(self, threads: int = 1) -> None:
        self.threads = check_count(threads, "threads", "Workers")
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    @classmethod
    def of_machine(cls) -> Workers:
        """One thread a core, at most four."""
        return cls(min(_MOST_BY_DEFAULT, os.cpu_count() or 1))

    def ranges(self, count: int, least: int) -> list[tuple[int, int]]:
        """``0:count`` cut into ranges of at least ``least`` each; one range where more would not pay."""
        pieces = min(self.threads * _RANGES, count // least) if self.threads > 1 else 1
        if pieces < 2:
            return [(0, count)]
        edges = [count * i // pieces for i in range(pieces + 1)]
        return list(itertools.pairwise(edges))

    def map(self, function: Callable[[P], T], parts: Sequence[P]) -> list[T]:
        """``[function(part) for part in parts]``, several at a time. The first exception is raised."""
        helpers = min(self.threads, len(parts)) - 1
        if helpers < 1:
            return [function(part) for part in parts]
        results: list[T | None] = [None] * len(parts)
        left = iter(range(len(parts)))

        def work() -> None:
            for i in left:  # one step of an iterator over a range is atomic
                results[i] = function(parts[i])

        pool = self._started()
        futures = [pool.submit(work) for _ in range(helpers)]
        try:
            work()
        finally:
            # A helper that has not begun is not waited for: with many callers they may all be busy.
            errors = [future.exception() for future in futures if not future.cancel()]
        for error in errors:
            if error is not None:
                raise error
        return results  # type: ignore[return-value]

    def _started(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.threads - 1, thread_name_prefix="engine")
            return self._pool
