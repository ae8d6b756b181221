"""The replicas of a shard: which of them are well, and whose turn it is."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Sequence
from typing import Any

from clip_branches.errors import ServiceUnavailable

HEALTH = "health"  # the group of an actor's threads that says whether it is alive
SILENT = "its actor is silent"
SILENT_S = 3.0  # without a sign of life it is silent: busy, or its node is gone without a word
_STARTING = "it is being started"
_PLACED_S = 2  # that the head of a busy cluster has to say where a group is: without any it is always late
_log = logging.getLogger(__name__)


class Replica:
    """One actor with a copy of a shard. ``trouble``: why it is not asked before others, None while it is well;
    ``refused``: whether that is its own word, and waiting would not help; ``heard_at``: its last sign of life."""

    def __init__(self, actor: Any, group: Any) -> None:
        self.actor = actor
        self._group = group
        self.trouble: str | None = _STARTING
        self.refused = False
        self.question: Any = None  # whether it is alive, not answered yet
        self.asked_at = 0.0
        self.heard_at = 0.0

    @property
    def well(self) -> bool:
        return self.trouble is None

    @property
    def is_late(self) -> bool:
        """Whether it was asked if it is alive, and has given no sign of it for too long."""
        return time.monotonic() - max(self.asked_at, self.heard_at) > SILENT_S

    def ask_alive(self) -> None:
        """Ask whether it is alive; ``question`` will know."""
        self.question = self.actor.alive.options(concurrency_group=HEALTH).remote()
        self.asked_at = time.monotonic()

    def has_place(self) -> bool:
        """Whether Ray has found a node for it. Asks the cluster's head."""
        return bool(self._group.wait(_PLACED_S))


class ReplicaSet:
    """The replicas of one shard; ``name`` says which shard that is. Any number of threads may ask at once.

    A silent replica may only be busy. As long as it gave a sign of life within ``patience_s``, the time that a request
    waits for its answer, it is asked after the others, and the shard is not missing: busy is not gone.
    """

    def __init__(self, name: str, replicas: Sequence[Replica], patience_s: float) -> None:
        self.name = name
        self.replicas = tuple(replicas)
        self._patience_s = max(patience_s, SILENT_S)
        self._turns = itertools.count()
        self._lock = threading.Lock()

    def order(self) -> list[Replica]:
        """The well ones, each in its turn the first, then those that may only be busy."""
        well = [replica for replica in self.replicas if replica.well]
        with self._lock:
            turn = next(self._turns) % len(well) if well else 0
        return well[turn:] + well[:turn] + [replica for replica in self.replicas if self._is_busy(replica)]

    def note(self, replica: Replica, trouble: str | None, *, refused: bool = False) -> None:
        """Keep what is known of the replica now, and log it where that is new."""
        with self._lock:
            changed = trouble != replica.trouble
            replica.refused, replica.trouble = refused, trouble
        if changed:
            details = {"shard": self.name, "well": self.well, "reason": trouble}
            _log.log(logging.WARNING if trouble else logging.INFO, "a replica changed", extra=details)

    def heard(self, replica: Replica) -> None:
        """The replica gave a sign of life: it was only busy."""
        replica.heard_at = time.monotonic()
        if replica.trouble == SILENT:
            self.note(replica, None)

    @property
    def well(self) -> int:
        """How many of them are."""
        return sum(replica.well for replica in self.replicas)

    @property
    def refused(self) -> bool:
        """Whether none of them can ever answer as things are."""
        return all(replica.refused for replica in self.replicas)

    def why(self) -> str:
        """What is wrong with those that are not."""
        return "; ".join(dict.fromkeys(each.trouble for each in self.replicas if each.trouble is not None))

    def problem(self) -> str | None:
        """Why nobody answers for the shard; None while somebody does, or may only be busy."""
        if any(replica.well or self._is_busy(replica) for replica in self.replicas):
            return None
        return f"{self.name} is missing: {self.why()}."

    def placing(self) -> str:
        """What to look at where replicas were not started in time."""
        if all(replica.has_place() for replica in self.replicas):
            return "Its nodes are slow, or cannot read the catalogue."
        return "No node has room for it: add nodes, or set fewer processors aside."

    def missing(self, why: str) -> ServiceUnavailable:
        """The error of a request that the shard has no part of."""
        return ServiceUnavailable(
            f"{self.name} is missing: {why}. An answer without it would not be whole. Try again in a moment."
        )

    def _is_busy(self, replica: Replica) -> bool:
        return replica.trouble == SILENT and time.monotonic() - replica.heard_at < self._patience_s
