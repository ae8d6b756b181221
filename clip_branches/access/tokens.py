"""API keys as people hold them: ``cb_<id>_<secret>``, of which only a digest of the secret is ever kept.

The secret is 256 random bits, so a plain SHA-256 of it is as good as a slow password hash: there is no dictionary to
try and 2**256 guesses to make, while a slow hash would cost every single request tens of milliseconds.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import NamedTuple

_TOKEN = re.compile(r"cb_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


class Token(NamedTuple):
    """The two parts of a key."""

    id: str
    secret: str

    def __str__(self) -> str:
        return f"cb_{self.id}_{self.secret}"

    @property
    def digest(self) -> str:
        """What is kept of it: hex SHA-256 of the secret."""
        return hashlib.sha256(self.secret.encode("ascii")).hexdigest()


def new_token() -> Token:
    """A key that nobody has had before: 48 bits of id, 256 bits of secret."""
    return Token(secrets.token_hex(6), secrets.token_urlsafe(32))


def read_token(text: str) -> Token | None:
    """The parts of what somebody sent as a key, or None for what cannot be one."""
    found = _TOKEN.fullmatch(text)
    return None if found is None else Token(found[1], found[2])


def is_of(token: Token, digest: str) -> bool:
    """Whether a kept digest is of the token; takes as long whether it is or not."""
    return hmac.compare_digest(token.digest, digest)
