"""The identity of a caller as one service passes it on to another: signed, and good for a minute.

The web service answers for whoever logged in; the search and data services keep private catalogues and scopes
themselves. Without the shared secret nobody can make such a header, and the web service passes on none that it is sent.
"""

from __future__ import annotations

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
        self._signer: URLSafeSerializer | None = None

    @property
    def is_possible(self) -> bool:
        """Whether the services share a secret already."""
        return self._signer is not None or self._secret.exists

    def signed(self, caller: Caller) -> str:
        """The value of the header ``ON_BEHALF_OF``."""
        seen = None if caller.catalogues is None else sorted(caller.catalogues)
        return str(
            self._signing().dumps(
                {
                    "owner": caller.owner,
                    "name": caller.name,
                    "scopes": sorted(caller.scopes),
                    "catalogues": seen,
                    "hidden": sorted(caller.hidden),
                    "until": int(time.time()) + LIFETIME_S,
                }
            )
        )

    def caller(self, value: str) -> Caller:
        """The caller of a header; NotAuthenticated for one that is not signed by this platform, or too old."""
        try:
            # Only a service of this platform can have signed it: what it holds is as it was written above.
            told = self._signing().loads(value) if self.is_possible else None
        except BadData:
            told = None
        if told is None or told["until"] < time.time():
            raise NotAuthenticated(
                f"The header {ON_BEHALF_OF} must be signed by a service of this platform within the last "
                f"{LIFETIME_S} seconds. Its services must share the file access/secret, and the time."
            )
        return Caller(
            told["owner"],
            told["name"],
            frozenset(told["scopes"]),
            None if told["catalogues"] is None else frozenset(told["catalogues"]),
            frozenset(told["hidden"]),
        )

    def _signing(self) -> URLSafeSerializer:
        if self._signer is None:
            self._signer = URLSafeSerializer(self._secret.key_for("on-behalf-of"), salt="caller")
        return self._signer
