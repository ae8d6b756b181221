"""Answers are written to disk behind the responses: when nothing else is computed, one after another."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from clip_branches.errors import ClipBranchesError
from search_service.answering import Answer

_MOST_WAITING = 64
_MOST_HITS = 1_000_000  # a larger answer is computed again sooner than it is worth its place on disk
_PAUSE_S = 0.05
_END_S = 10.0  # that an answer being saved has when the service ends
_log = logging.getLogger(__name__)


class Writer:
    """Orders and saves answers in a thread of its own while ``idle()``, until ``stop``.

    An answer that is not saved, because there was never time, something went wrong or the process ended, is computed
    again from its request.
    """

    def __init__(self, save: Callable[[str, Answer], None], idle: Callable[[], bool]) -> None:
        self._save = save
        self._idle = idle
        self._waiting: deque[tuple[str, Answer]] = deque(maxlen=_MOST_WAITING)
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def add(self, catalogue: str, answer: Answer) -> None:
        """Save the answer some time soon."""
        if answer.total > _MOST_HITS:
            return
        with self._wake:
            if self._stopped:
                return
            self._waiting.append((catalogue, answer))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="answer-writer", daemon=True)
                self._thread.start()
            self._wake.notify()

    def stop(self) -> None:
        """Save no more; returns when the thread has ended, or has been at its last answer for ten seconds."""
        with self._wake:
            self._stopped = True
            self._waiting.clear()
            self._wake.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(_END_S)

    def _work(self) -> None:
        while (next_one := self._next()) is not None:
            catalogue, answer = next_one
            try:
                self._save(catalogue, answer)
            except (ClipBranchesError, OSError, MemoryError) as error:
                _log.warning("an answer cannot be stored", extra={"catalogue": catalogue, "reason": str(error)})
            except Exception:  # noqa: BLE001 - without this thread no answer would ever be saved again
                _log.exception("an answer cannot be stored", extra={"catalogue": catalogue})
            del next_one, answer  # its generation may be replaced while this thread waits for the next

    def _next(self) -> tuple[str, Answer] | None:
        """The answer to save now: waits for one, and for time. None when the writer is stopped."""
        with self._wake:
            self._wake.wait_for(lambda: self._stopped or bool(self._waiting))
            while not self._stopped and not self._idle():
                self._wake.wait(_PAUSE_S)
            return None if self._stopped else self._waiting.popleft()
