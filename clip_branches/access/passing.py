"""The identity of a caller as one service passes it on to another: signed, for one route, and good for a minute.

The web service answers for whoever logged in; the search and data services keep private catalogues and scopes
themselves. Without the shared secret nobody can make such a header, and the web service passes on none that it is sent.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from itsdangerous import BadData, URLSafeSerializer

from clip_branches.access.caller import Caller
from clip_branches.access.secret import SharedSecret
from clip_branches.errors import NotAuthenticated

ON_BEHALF_OF = "X-On-Behalf-Of"
LIFETIME_S = 60


class Passing:
    """Signs callers and reads them again; the secret is made with the first that is signed."""

    def __init__(self, data_dir: Path) -> None:
        self._secret = SharedSecret(data_dir)

    @property
    def is_possible(self) -> bool:
        """Whether the services share a secret already."""
        return self._secret.exists

    def signed(self, caller: Caller, method: str, path: str) -> str:
        """The value of the header ``ON_BEHALF_OF`` of a request; ``path``: as a service is told it, decoded."""
        seen = None if caller.catalogues is None else sorted(caller.catalogues)
        return str(
            self._signing().dumps(
                {
                    "owner": caller.owner,
                    "name": caller.name,
                    "scopes": sorted(caller.scopes),
                    "catalogues": seen,
                    "hidden": sorted(caller.hidden),
                    "at": int(time.time()),
                    "for": _digest(method, path),
                }
            )
        )

    def caller(self, value: str, method: str, path: str) -> Caller:
        """The caller of a header; NotAuthenticated for one not signed by this platform, of another time or request."""
        try:
            # Only a service of this platform can have signed it: what it holds is as it was written above.
            told = self._signing().loads(value) if self.is_possible else None
        except BadData:
            told = None
        # A clock that is ahead gives no longer life than one that is behind.
        if told is None or abs(time.time() - told["at"]) > LIFETIME_S:
            raise NotAuthenticated(
                f"The header {ON_BEHALF_OF} must be signed by a service of this platform within the last "
                f"{LIFETIME_S} seconds. Its services must share the file access/secret, and the time."
            )
        if told["for"] != _digest(method, path):
            raise NotAuthenticated(f"The header {ON_BEHALF_OF} was signed for another request than {method} {path}.")
        return Caller(
            told["owner"],
            told["name"],
            frozenset(told["scopes"]),
            None if told["catalogues"] is None else frozenset(told["catalogues"]),
            frozenset(told["hidden"]),
        )

    def _signing(self) -> URLSafeSerializer:
        return URLSafeSerializer(list(self._secret.keys_for("on-behalf-of")), salt="caller")


def _digest(method: str, path: str) -> str:
    """One length for paths of any: a header has a limit."""
    return hashlib.sha256(f"{method} {path}".encode("utf-8", "surrogatepass")).hexdigest()
