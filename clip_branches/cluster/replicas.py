"""The replicas of a shard: which of them are well, and whose turn it is."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence
from typing import Any

from clip_branches.errors import ServiceUnavailable

HEALTH = "health"  # the group of an actor's threads that says whether it is alive
SILENT = "its actor is silent"
_STARTING = "it is being started"
_PLACED_S = 2  # that the head of a busy cluster has to say where a group is: without any it is always late


class Replica:
    """One actor with a copy of a shard. ``trouble``: why it is not asked now, None while it is well; ``refused``:
    whether that is its own word, and waiting would not help."""

    def __init__(self, actor: Any, group: Any) -> None:
        self.actor = actor
        self._group = group
        self.trouble: str | None = _STARTING
        self.refused = False
        self.question: Any = None  # whether it is alive, not answered yet
        self.asked_at = 0.0

    @property
    def well(self) -> bool:
        return self.trouble is None

    def ask_alive(self) -> None:
        """Ask whether it is alive; ``question`` will know."""
        self.question = self.actor.alive.options(concurrency_group=HEALTH).remote()
        self.asked_at = time.monotonic()

    def fail(self, trouble: str) -> None:
        """It did not answer: nobody asks it until it says again that it is alive."""
        self.trouble = trouble
        self.question = None

    def has_place(self) -> bool:
        """Whether Ray has found a node for it. Asks the cluster's head."""
        return bool(self._group.wait(_PLACED_S))


class ReplicaSet:
    """The replicas of one shard; ``name`` says which shard that is. Any number of threads may ask at once."""

    def __init__(self, name: str, replicas: Sequence[Replica]) -> None:
        self.name = name
        self.replicas = tuple(replicas)
        self._turns = itertools.count()
        self._lock = threading.Lock()

    def order(self) -> list[Replica]:
        """The well ones, each in its turn the first, then those that are silent and may only be busy."""
        well = [replica for replica in self.replicas if replica.well]
        with self._lock:
            turn = next(self._turns) % len(well) if well else 0
        return well[turn:] + well[:turn] + [replica for replica in self.replicas if replica.trouble == SILENT]

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
        """Why nobody answers for the shard; None while somebody does."""
        return None if self.well else f"{self.name} is missing: {self.why()}."

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
