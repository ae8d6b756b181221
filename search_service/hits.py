"""The hits of an answer: how many there are and the first of them at once, all when they are first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Self

from clip_branches.engine import AnswerSet

HEAD = 256  # first hits that are known before the others are


class Hits:
    """Every hit of an answer, best first; any number of threads may ask, one of them computes.

    ``head``: the first hits; ``complete`` gives all ``total`` of them, beginning with those.
    """

    def __init__(self, total: int, head: AnswerSet, complete: Callable[[], AnswerSet]) -> None:
        self.total = total
        self._head = head
        self._complete: Callable[[], AnswerSet] | None = complete
        self._lock = threading.Lock()
        if head.total == total:
            self._complete = None

    @classmethod
    def listed(cls, found: AnswerSet) -> Self:
        """The hits of an answer that is known whole."""
        return cls(found.total, found, lambda: found)

    @property
    def known(self) -> bool:
        """Whether all of them are known."""
        return self._complete is None

    @property
    def nbytes(self) -> int:
        """Memory that the known ones take."""
        head = self._head
        return int(head.ids.nbytes + head.scores.nbytes + (0 if head.votes is None else head.votes.nbytes))

    def has(self, offset: int, limit: int) -> bool:
        """Whether ``page`` knows this page already."""
        return self.known or offset + limit <= self._head.total

    def page(self, offset: int, limit: int) -> AnswerSet:
        """Hits ``offset`` to ``offset + limit - 1``; empty beyond the end. Raises InvalidInput for negative numbers."""
        return (self._head if self.has(offset, limit) else self.whole()).page(offset, limit)

    def whole(self) -> AnswerSet:
        """All of them; computed where they are not known."""
        if self._complete is None:
            return self._head
        with self._lock:
            if self._complete is not None:
                self._head = self._complete()
                self._complete = None  # and with it the generation of the catalogue that it needs
            return self._head
