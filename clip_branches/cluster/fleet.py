"""The actors of one generation of a catalogue: placed on nodes, waited for, and ended when nobody needs them."""

from __future__ import annotations

import importlib
import logging
import threading
import time
from collections.abc import Sequence
from typing import Any

from clip_branches.cluster.actor import ShardActor
from clip_branches.cluster.connection import connect
from clip_branches.cluster.replicas import HEALTH, Replica, ReplicaSet
from clip_branches.cluster.shard import ShardSpec
from clip_branches.cluster.terms import Terms
from clip_branches.cluster.watching import Watcher
from clip_branches.errors import ServiceUnavailable

_log = logging.getLogger(__name__)
_AT_ONCE = 32  # requests that one actor works on
_LATE_S = 15.0  # a replica that starts so much later than the first of every shard is not waited for
_LOOK_S = 0.05


class Fleet:
    """``shards``: one set of replicas a shard. Each replica of a shard is on another node (a placement group spreads
    them strictly, and finds the replica of a node that died a new one); Ray starts an actor that ended again.
    """

    def __init__(self, specs: Sequence[ShardSpec], terms: Terms) -> None:
        """Places the actors; returns at once. Raises ConfigurationError, ServiceUnavailable without a cluster."""
        self.connection = connect(terms.address)
        self._terms = terms
        self._groups: list[Any] = []
        self._using = 0
        self._used = time.monotonic()
        self._lock = threading.Lock()
        self.retired = False
        self.ended = False
        with self.connection.using() as ray:
            copies = min(terms.replicas, max(1, nodes_of(ray)))
            if copies < terms.replicas:
                _log.warning("fewer replicas than asked for", extra={"replicas": copies, "asked": terms.replicas})
            self.shards = [ReplicaSet(spec.name, self._place(ray, spec, copies), terms.timeout_s) for spec in specs]
        self._watcher = Watcher(self.connection, self.shards, self._is_over, self._end)
        self._watcher.start()

    def wait(self) -> None:
        """Returns when every shard answers, with all its replicas or without those that are late.

        Raises ServiceUnavailable naming the shards that do not in time, or cannot, and ends the actors.
        """
        deadline, first = time.monotonic() + self._terms.start_s, 0.0
        while not all(shard.well == len(shard.replicas) for shard in self.shards):
            now = time.monotonic()
            if not self.problems():
                first = first or now
                if now > first + _LATE_S:
                    _log.warning(
                        "replicas are late", extra={"shards": [s.name for s in self.shards if s.well < len(s.replicas)]}
                    )
                    return
            elif now > deadline or any(shard.refused for shard in self.shards):
                told = [f"{s.problem()} {'' if s.refused else s.placing()}".strip() for s in self.shards if not s.well]
                self.end()
                raise ServiceUnavailable(" ".join(told))
            time.sleep(_LOOK_S)

    def problems(self) -> list[str]:
        """The shards that nobody answers for."""
        return [problem for problem in (shard.problem() for shard in self.shards) if problem is not None]

    def take(self) -> bool:
        """Keeps the actors until ``give``; False when they have ended."""
        with self._lock:
            self._using += not self.ended
            return not self.ended

    def give(self) -> None:
        """Ends what ``take`` began."""
        with self._lock:
            self._using -= 1
            self._used = time.monotonic()

    def retire(self) -> None:
        """End the actors once nobody has asked them for ``linger_s``."""
        self.retired = True

    def end(self) -> None:
        """End the actors, soon."""
        self.ended = True
        self._watcher.wake.set()

    def _place(self, ray: Any, spec: ShardSpec, copies: int) -> list[Replica]:
        groups = importlib.import_module("ray.util.placement_group")
        strategies = importlib.import_module("ray.util.scheduling_strategies")
        group = groups.placement_group([{"CPU": self._terms.cpus}] * copies, strategy="STRICT_SPREAD")
        self._groups.append(group)
        actor = ray.remote(
            num_cpus=self._terms.cpus,
            max_restarts=-1,
            max_task_retries=0,  # the router knows another replica sooner
            max_concurrency=_AT_ONCE,
            concurrency_groups={HEALTH: 1},
        )(ShardActor)
        return [
            Replica(
                actor.options(
                    scheduling_strategy=strategies.PlacementGroupSchedulingStrategy(
                        group, placement_group_bundle_index=number
                    )
                ).remote(spec),
                group,
            )
            for number in range(copies)
        ]

    def _is_over(self) -> bool:
        with self._lock:
            idle = not self._using and time.monotonic() - self._used > self._terms.linger_s
            self.ended = self.ended or (self.retired and idle)
        return self.ended

    def _end(self, ray: Any) -> None:
        groups = importlib.import_module("ray.util.placement_group")
        for shard in self.shards:
            for replica in shard.replicas:
                ray.kill(replica.actor)
        for group in self._groups:
            groups.remove_placement_group(group)
        _log.info("the shards of an earlier generation ended", extra={"shards": len(self.shards)})


def nodes_of(ray: Any) -> int:
    """How many nodes of the cluster can hold shards."""
    return sum(bool(node["Alive"] and node["Resources"].get("CPU")) for node in ray.nodes())
