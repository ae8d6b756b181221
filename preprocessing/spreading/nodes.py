"""The nodes that embed: what each has in hand, and which of them are left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

# One task waits at a node beside those that run there, so that it never waits for this machine.
_AHEAD = 1
_CRASHES = 2  # in a row, of a node that is still there


class Nodes:
    """Nodes as the cluster lists them, each with room for as many tasks as its ``cpus`` and ``gpus`` a task allow."""

    def __init__(self, cpus: int, gpus: float) -> None:
        self._cpus = cpus
        self._gpus = gpus
        self._slots: dict[str, int] = {}
        self._in_hand: Counter[str] = Counter()
        self._crashes: Counter[str] = Counter()
        self.left_out: dict[str, str] = {}

    def refresh(self, listed: Collection[Mapping[str, Any]]) -> None:
        """Take the nodes as ``ray.nodes()`` lists them now."""
        alive = {str(node["NodeID"]): node["Resources"] for node in listed if node["Alive"]}
        slots = {node: self._room_of(resources) for node, resources in alive.items()}
        self._slots = {node: room for node, room in slots.items() if room}

    @property
    def usable(self) -> set[str]:
        """Nodes that can run a task and are not left out."""
        return self._slots.keys() - self.left_out.keys()

    @property
    def has_room(self) -> bool:
        """Whether any node can be given a task."""
        return any(self._in_hand[node] < self._slots[node] + _AHEAD for node in self.usable)

    def choose(self, avoid: Collection[str] = (), *, idle: bool = False) -> str | None:
        """The node with most room, not one to ``avoid``; with ``idle``, one that has a processor free. Else None."""
        ahead = 0 if idle else _AHEAD
        room = {node: self._slots[node] + ahead - self._in_hand[node] for node in self.usable - set(avoid)}
        best = max(sorted(room), key=lambda node: room[node] / self._slots[node], default=None)
        return best if best is not None and room[best] > 0 else None

    def give(self, node: str) -> None:
        """``node`` has one task more."""
        self._in_hand[node] += 1

    def ended(self, node: str, *, well: bool) -> None:
        """A task of ``node`` ended; one whose process ended by itself, again and again, has it left out."""
        self._in_hand[node] -= 1
        self._crashes[node] = 0 if well else self._crashes[node] + 1
        if self._crashes[node] >= _CRASHES and node in self._slots:
            self.leave_out(node, "its processes end by themselves (out of memory?)")

    def leave_out(self, node: str, reason: str) -> bool:
        """Give ``node`` nothing more in this run; False when that was said before."""
        new = node not in self.left_out
        self.left_out.setdefault(node, reason)
        return new

    def _room_of(self, resources: Mapping[str, float]) -> int:
        room = int(resources.get("CPU", 0) // self._cpus)
        return min(room, int(resources.get("GPU", 0) / self._gpus + 1e-9)) if self._gpus else room
