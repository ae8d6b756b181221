"""A file that can only be written, and is emptied while it grows."""

from __future__ import annotations

import io
from typing import Any


class Sink(io.RawIOBase):
    """Takes what a writer writes; ``take`` gives it away, so that no more than one piece is ever held."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._length = 0
        self.waiting = 0  # bytes that ``take`` would give

    def writable(self) -> bool:
        return True

    def write(self, piece: Any, /) -> int:
        content = bytes(piece)
        self._pieces.append(content)
        self._length += len(content)
        self.waiting += len(content)
        return len(content)

    def tell(self) -> int:
        return self._length

    def take(self) -> bytes:
        """All that was written since it was last asked for."""
        content = b"".join(self._pieces)
        self._pieces.clear()
        self.waiting = 0
        return content
