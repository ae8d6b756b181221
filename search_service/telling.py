"""What the boxes tell of an answer: known with it, or worked out when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from clip_branches.schemas import BoxSummary


@dataclass(frozen=True)
class Told:
    """The boxes shown of an answer, how many there are in all, and how many of its images those that are on hold."""

    boxes: tuple[BoxSummary, ...] = ()
    boxes_total: int = 0
    covered: int = 0


class Telling:
    """``Told`` of an answer; any number of threads may ask, one of them works it out."""

    def __init__(self, complete: Callable[[], Told]) -> None:
        self._told: Told | None = None
        self._complete: Callable[[], Told] | None = complete
        self._lock = threading.Lock()

    @classmethod
    def of(cls, told: Told) -> Self:
        """What is known already."""
        telling = cls(lambda: told)
        telling.whole()
        return telling

    @property
    def known(self) -> bool:
        """Whether asking costs nothing."""
        return self._told is not None

    def whole(self) -> Told:
        """It; worked out where it is not known."""
        with self._lock:
            if self._told is None and self._complete is not None:
                self._told = self._complete()
                self._complete = None  # and with it the generation of the catalogue that it needs
            return self._told if self._told is not None else Told()
