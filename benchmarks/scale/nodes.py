"""How many nodes a catalogue needs, what they cost, and how long a round takes on them.

Further assumptions, by the names that docs/scale.md gives them:

MEMORY        codes, ids and tables stay in memory: ``bytes_an_image`` of 0.8 of a node's memory, less 2 GB
LINEAR        a pass over the codes takes ``ns_a_row`` of processor time a row, shared by a node's processors, but never
              less than reading the codes takes at the node's memory bandwidth
FORM          times of a pass are spread around their median as the measured ones are, at any size
ROUTER        training, network and JSON take a fixed time, and joining the shards' answers a fixed time each
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchmarks.scale.model import Load
from benchmarks.scale.times import Times

_KEPT_GB = 2.0
_USED_MEMORY = 0.8
_CODE_BYTES = 32
_LATE = 2.0


@dataclass(frozen=True)
class Node:
    """A machine, and what an hour of it costs."""

    cores: int = 16
    memory_gb: float = 64.0
    bandwidth_gb_s: float = 150.0
    cost_an_hour: float = 1.0


@dataclass(frozen=True)
class Measured:
    """What one machine told (docs/engine.md, ``benchmarks.sharding``)."""

    bytes_an_image: float = 54.0
    ns_a_row: float = 4.9
    router_ms: float = 40.0
    join_ms_a_shard: float = 0.05


@dataclass(frozen=True)
class Fleet:
    """The nodes of a catalogue: ``shards`` of ``rows`` each, ``replicas`` of each, a node for every one of them."""

    rows: int
    shards: int
    replicas: int
    pass_ms: float
    bound_by: str
    cost_an_hour: float

    @property
    def nodes(self) -> int:
        return self.shards * self.replicas

    def times(self, form: Times) -> Times:
        """The times of a shard's pass (FORM)."""
        return form.scaled_to(self.pass_ms)

    def load(self, rate: float, form: Times, *, hedged: bool) -> Load:
        """``rate`` rounds a second; ``hedged`` asks a second replica after twice the median pass."""
        hedge = _LATE * self.pass_ms if hedged and self.replicas > 1 else None
        return Load(self.shards, self.replicas, rate, hedge)


def fleet_for(images: int, replicas: int, pass_ms: float, node: Node, measured: Measured) -> Fleet:
    """As few nodes as hold ``images`` and pass over their part of them in ``pass_ms`` or less."""
    held = (node.memory_gb * _USED_MEMORY - _KEPT_GB) * 1e9 / measured.bytes_an_image
    ns = max(measured.ns_a_row / node.cores, _CODE_BYTES / node.bandwidth_gb_s)
    quick = pass_ms * 1e6 / ns
    shards = max(1, math.ceil(images / min(held, quick)))
    rows = math.ceil(images / shards)
    bound = "memory" if held < quick else "time"
    return Fleet(rows, shards, replicas, rows * ns / 1e6, bound, shards * replicas * node.cost_an_hour)
