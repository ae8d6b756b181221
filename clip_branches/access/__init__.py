"""Who may ask for what: API keys, people who log in, catalogues that are private, and where a service may listen.

Nothing here knows Flask: ``clip_branches.service.guard`` asks it for every request, ``python -m clip_branches.access``
makes, lists and revokes keys. Layers, each of which imports only those below it: ``commands``, ``exposure``,
``keyring``, ``keyfile`` and ``passing`` (the identity that one service passes on to another), ``secret``, ``tokens``,
``routes`` and ``caller``.
"""

from __future__ import annotations

from clip_branches.access.caller import LOCAL, NOBODY, SCOPES, Caller
from clip_branches.access.exposure import check_exposure, mode_of
from clip_branches.access.keyring import KeyRing
from clip_branches.access.passing import ON_BEHALF_OF, Passing
from clip_branches.access.routes import OPEN, scope_of

__all__ = [
    "LOCAL",
    "NOBODY",
    "ON_BEHALF_OF",
    "OPEN",
    "SCOPES",
    "Caller",
    "KeyRing",
    "Passing",
    "check_exposure",
    "mode_of",
    "scope_of",
]
