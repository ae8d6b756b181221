"""The process that serves a shard on a node."""

from __future__ import annotations

import threading
import time
from typing import Any, Literal

from clip_branches.cluster.shard import Shard, ShardSpec
from clip_branches.engine import warm_up
from clip_branches.engine.reading import Reading
from clip_branches.errors import ClipBranchesError, StorageError

Asked = Literal["search", "nearest", "nearest_all", "surveyed", "count", "count_within", "coverage", "codes"]
Told = tuple[Any, tuple[int, int, int]]
_AGAIN_S = 10.0


class ShardActor:
    """Opens its shard when it starts, and again wherever Ray starts it anew.

    A shard that cannot be opened says why to whoever asks, and is tried again: an actor that failed in its
    constructor Ray would never restart. ``alive`` is answered by a thread of its own, however busy the others are.
    """

    def __init__(self, spec: ShardSpec) -> None:
        self._spec = spec
        self._shard: Shard | None = None
        self._refused: ClipBranchesError | None = None
        self._tried = 0.0
        self._lock = threading.Lock()
        warm_up()
        self._open()

    def alive(self) -> None:
        """Returns when the shard can be asked. Raises why it cannot be opened."""
        with self._lock:
            if self._shard is None and time.monotonic() - self._tried > _AGAIN_S:
                self._open()
        self._opened()

    def ask(self, name: Asked, *arguments: Any) -> Told:
        """What that method of the shard answers, and what was read for it: blocks, of how many, bytes."""
        reading = Reading()
        answer = getattr(self._opened(), name)(reading, *arguments)
        return answer, (reading.blocks, reading.blocks_total, reading.bytes)

    def _opened(self) -> Shard:
        if self._shard is None:
            refused = self._refused or ClipBranchesError("The shard is being opened.")
            raise type(refused)(refused.message)
        return self._shard

    def _open(self) -> None:
        self._tried = time.monotonic()
        try:
            self._shard = Shard.open(self._spec)
        except ClipBranchesError as error:
            self._refused = error
        except OSError as error:
            self._refused = StorageError(f"{self._spec.name} cannot be opened: {error}.")
