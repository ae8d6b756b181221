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
_log = logging.getLogger(__name__)


class Writer:
    """Orders and saves answers in a thread of its own while ``idle()``.

    An answer that is not saved, because there was never time or the process ended, is computed again from its request.
    """

    def __init__(self, save: Callable[[str, Answer], None], idle: Callable[[], bool]) -> None:
        self._save = save
        self._idle = idle
        self._waiting: deque[tuple[str, Answer]] = deque(maxlen=_MOST_WAITING)
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, catalogue: str, answer: Answer) -> None:
        """Save the answer some time soon."""
        if answer.total > _MOST_HITS:
            return
        with self._wake:
            self._waiting.append((catalogue, answer))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="answer-writer", daemon=True)
                self._thread.start()
            self._wake.notify()

    def _work(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: bool(self._waiting))
                while not self._idle():
                    self._wake.wait(_PAUSE_S)
                catalogue, answer = self._waiting.popleft()
            try:
                self._save(catalogue, answer)
            except (ClipBranchesError, OSError, MemoryError) as error:
                _log.warning("an answer cannot be stored", extra={"catalogue": catalogue, "reason": str(error)})
