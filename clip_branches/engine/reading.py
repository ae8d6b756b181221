"""What a query read to find its answer."""

from __future__ import annotations

import threading


class Reading:
    """Blocks that a query's zones left in doubt, of how many, and bytes of codes read of them."""

    def __init__(self) -> None:
        self.blocks = 0
        self.blocks_total = 0
        self.bytes = 0
        self._lock = threading.Lock()

    def add(self, blocks: int, blocks_total: int, read: int) -> None:
        """Count a part of the query; any thread may."""
        with self._lock:
            self.blocks += blocks
            self.blocks_total += blocks_total
            self.bytes += read

    def to_json(self) -> dict[str, int]:
        return {"blocks": self.blocks, "blocks_total": self.blocks_total, "bytes": self.bytes}
