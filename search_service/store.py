"""The answers at hand: the latest in memory, all of them on disk, each computed by one thread at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from clip_branches.cancelling import checkpoint
from clip_branches.memory_budget import MemoryBudget
from search_service.answering import Answer
from search_service.stored import AnswerFiles, StoredRequest
from search_service.writing import Writer

Key = tuple[str, str]
_WRITING = 4  # requests that wait for the disk at once
_UNSTORED_REQUESTS = 4_096


class AnswerStore:
    """Answers by (catalogue, result set): a least-recently-used cache in memory over files that outlive the process."""

    def __init__(self, files: AnswerFiles, in_memory: int, max_bytes: int, idle: Callable[[], bool]) -> None:
        """``in_memory`` answers of ``max_bytes`` at most; ``idle``: says when there is time to write them to disk."""
        self._files = files
        self._writer = Writer(files.save, idle)
        self._requests_at_work = ThreadPoolExecutor(_WRITING, thread_name_prefix="requests")
        # An answer grows when all of its hits are asked for: its size is asked again each time.
        self._answers: MemoryBudget[Key, Answer] = MemoryBudget(max_bytes, in_memory, lambda one: one.hits.nbytes)
        # Requests that the disk refused; without them an evicted answer would be lost.
        self._requests: OrderedDict[Key, StoredRequest] = OrderedDict()
        self._flights: dict[Key, tuple[threading.Lock, int]] = {}
        self._lock = threading.Lock()

    def stop(self) -> None:
        """End the background work: what is not on disk yet is computed again when it is asked for."""
        self._writer.stop()

    @contextmanager
    def alone(self, key: Key) -> Iterator[None]:
        """One thread at a time for one answer: the others wait and then find it."""
        with self._lock:
            flight, waiting = self._flights.get(key, (threading.Lock(), 0))
            self._flights[key] = (flight, waiting + 1)
        try:
            with flight:
                checkpoint()
                yield
        finally:
            with self._lock:
                waiting = self._flights[key][1] - 1
                if waiting:
                    self._flights[key] = (flight, waiting)
                else:
                    del self._flights[key]

    def get(self, key: Key) -> Answer | None:
        """The answer from memory or disk, or None when neither has it (any more)."""
        answer = self._answers.get(key)
        if answer is None:
            answer = self._files.load(*key)
            if answer is not None:
                self._answers.put(key, answer)
        return answer

    def put(self, key: Key, answer: Answer) -> None:
        """Keep the answer in memory and, as soon as there is time and where the disk allows, on it."""
        self._answers.put(key, answer)
        self._writer.add(key[0], answer)

    def request(self, key: Key) -> StoredRequest | None:
        """The request that gave a result set, or None when it was never made here."""
        with self._lock:
            kept = self._requests.get(key)
        return kept if kept is not None else self._files.load_request(*key)

    def put_request(self, key: Key, request: StoredRequest) -> Future[None]:
        """Keep what the answer is computed from; it is when the future is done. The disk is slow: compute meanwhile."""
        return self._requests_at_work.submit(self._put_request, key, request)

    def _put_request(self, key: Key, request: StoredRequest) -> None:
        if self._files.save_request(*key, request):
            return
        with self._lock:
            self._requests[key] = request
            while len(self._requests) > _UNSTORED_REQUESTS:
                self._requests.popitem(last=False)
