"""A cache in memory that stays within its bytes and its number of values: what was not asked for longest goes first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class MemoryBudget(Generic[K, V]):
    """Values by key, for any number of threads.

    ``size_of``: bytes that a value takes now; a value may grow while it is kept, so all are counted at each call. The
    one last put or found always stays, however large: whoever asked for it has it in hand anyway.
    """

    def __init__(self, max_bytes: int, most: int, size_of: Callable[[V], int]) -> None:
        self.max_bytes = max_bytes
        self._most = most
        self._size_of = size_of
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """The value, or None."""
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
                self._make_room()
            return value

    def put(self, key: K, value: V) -> None:
        """Keep a value, in place of one of the same key."""
        with self._lock:
            self._values.pop(key, None)
            self._values[key] = value
            self._make_room()

    def __len__(self) -> int:
        return len(self._values)

    @property
    def nbytes(self) -> int:
        """Bytes that all values take now."""
        with self._lock:
            return sum(self._size_of(value) for value in self._values.values())

    def _make_room(self) -> None:
        size = sum(self._size_of(value) for value in self._values.values())
        while len(self._values) > 1 and (len(self._values) > self._most or size > self.max_bytes):
            _, evicted = self._values.popitem(last=False)
            size -= self._size_of(evicted)
