"""Work spread over processes, in order, with a bounded number of pieces in flight."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from clip_branches.errors import ClipBranchesError

Piece = TypeVar("Piece")
Result = TypeVar("Result")
_AHEAD = 4


def default_workers() -> int:
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_pieces(function: Callable[[Piece], Result], pieces: Sequence[Piece], workers: int) -> Iterator[Result]:
    """``function`` of every piece, in order; in this process when one worker will do, else in spawned ones.

    Raises ClipBranchesError when a worker process dies (it ran out of memory, or a decoder crashed).
    """
    workers = min(workers, len(pieces))
    if workers <= 1:
        yield from map(function, pieces)
        return
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker)
    try:
        waiting: deque[Future[Result]] = deque()
        rest = iter(pieces)
        # Ctrl-C reaches the whole terminal group: only this process is to answer it. Children inherit the mask.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            for piece in itertools.islice(rest, workers * _AHEAD):
                waiting.append(executor.submit(function, piece))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(executor.submit(function, piece) for piece in itertools.islice(rest, 1))
    except BrokenProcessPool as error:
        raise ClipBranchesError(
            "A worker process ended by itself (out of memory?). What was done is kept: run the same command again, "
            "with --workers 1 if it happens again."
        ) from error
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _prepare_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")  # the parent reports what is wrong with an image
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A parent that was killed cannot close the pool; its workers would wait for work for ever.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
