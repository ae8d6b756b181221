"""Who a request is from, and what it may do and see."""

from __future__ import annotations

from dataclasses import dataclass

SCOPES = ("read", "label", "admin")


@dataclass(frozen=True)
class Caller:
    """Whoever a request is from.

    ``owner`` is what rows that are kept for it are found by: "local", "key:<id>" or "person:<digest>". ``catalogues``
    are the only ones it sees, or None for all that are not ``hidden`` (private to others). ``per_day`` is its quota.
    """

    owner: str
    name: str
    scopes: frozenset[str]
    catalogues: frozenset[str] | None = None
    hidden: frozenset[str] = frozenset()
    per_day: int | None = None

    @property
    def is_local(self) -> bool:
        """Whether it is whoever uses an open service: everything is allowed, and nothing is kept from it."""
        return self.owner == "local"

    def may(self, scope: str) -> bool:
        return scope in self.scopes

    def sees(self, catalogue: str) -> bool:
        """Whether there is a catalogue of that name as far as this caller is told."""
        return catalogue not in self.hidden if self.catalogues is None else catalogue in self.catalogues


LOCAL = Caller("local", "local", frozenset(SCOPES))
# Whoever has not said who it is: health checks and the login page are all there is for it.
NOBODY = Caller("nobody", "nobody", frozenset(), frozenset())
