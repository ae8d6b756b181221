"""The keys of a platform as its services know them: read again whenever the file changes, without a restart."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection
from pathlib import Path

from clip_branches.access import keyfile
from clip_branches.access.caller import Caller
from clip_branches.access.keyfile import Grant, Key, KeyFile, Rights
from clip_branches.access.tokens import Token, is_of, read_token
from clip_branches.errors import ClipBranchesError

_log = logging.getLogger(__name__)
_NO_DIGEST = "0" * 64
_NO_TOKEN = Token("0" * 12, "0" * 43)


class KeyRing:
    """Says who a key is of, and what somebody who logged in may do. Safe to use from any thread."""

    def __init__(self, data_dir: Path) -> None:
        self.path = keyfile.path_in(data_dir)
        self._stamp: object = None
        self._file = KeyFile()
        self._keys: dict[str, Key] = {}
        self._private: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def caller(self, text: str) -> Caller | None:
        """Whoever holds the key ``text``; None for one that is wrong, unknown, revoked or ended, in like time."""
        self._refresh()
        token = read_token(text)
        key = self._keys.get(token.id) if token is not None else None
        # A key that is not known is compared too: the answer to a guess tells nothing, and neither does its time.
        fits = is_of(token or _NO_TOKEN, key.sha256 if key is not None else _NO_DIGEST)
        return self._caller(f"key:{key.id}", key.name, [key]) if key is not None and fits and key.is_valid else None

    def holder(self, key_id: str) -> Caller | None:
        """Whoever logged in with the key of that id; None once it is revoked or has ended."""
        self._refresh()
        key = self._keys.get(key_id)
        return self._caller(f"key:{key.id}", key.name, [key]) if key is not None and key.is_valid else None

    def person(self, owner: str, name: str, email: str | None, groups: Collection[str]) -> Caller | None:
        """Somebody who logged in elsewhere, with all that the grants give them together; None when that is nothing.

        ``email`` must be one that the issuer has verified.
        """
        self._refresh()
        rights = [grant for grant in self._file.grants if _is_of(grant, (email or "").lower(), groups)]
        return self._caller(owner, name, rights) if rights else None

    @property
    def has_keys(self) -> bool:
        """Whether anybody holds a key that works."""
        self._refresh()
        return any(key.is_valid for key in self._keys.values())

    @property
    def has_grants(self) -> bool:
        """Whether anybody may log in by the issuer."""
        self._refresh()
        return bool(self._file.grants)

    @property
    def groups(self) -> frozenset[str]:
        """The groups that grants name."""
        self._refresh()
        named = (grant.who for grant in self._file.grants)
        return frozenset(who.removeprefix("group:") for who in named if who.startswith("group:"))

    def _caller(self, owner: str, name: str, rights: Collection[Rights]) -> Caller:
        """All rights together: what one gives, another does not take."""
        named = [right.catalogues for right in rights]
        confined = None if None in named else frozenset(one for some in named for one in some or ())
        own = frozenset(one for some in named for one in some or ())
        per_day = [right.per_day for right in rights]
        return Caller(
            owner,
            name,
            frozenset(scope for right in rights for scope in right.scopes),
            confined,
            self._private - own,
            None if None in per_day else max(one or 0 for one in per_day),
        )

    def _refresh(self) -> None:
        stamp = self._look()
        if stamp == self._stamp:
            return
        with self._lock:
            if stamp == self._stamp:
                return
            try:
                file = keyfile.read(self.path)
            except ClipBranchesError as error:
                if self._stamp is None:
                    raise
                # Whoever had a key keeps it while the file is being put right; nobody new gets in by a damaged one.
                _log.error("the changed file of keys is not used", extra={"reason": error.message})
                self._stamp = stamp
                return
            self._file = file
            self._keys = {key.id: key for key in file.keys}
            self._private = frozenset(file.private)
            self._stamp = stamp

    def _look(self) -> object:
        try:
            status = self.path.stat()
        except OSError:
            return "none"
        return status.st_mtime_ns, status.st_size, status.st_ino


def _is_of(grant: Grant, email: str, groups: Collection[str]) -> bool:
    who = grant.who
    if who == "*":
        return True
    if who.startswith("group:"):
        return who.removeprefix("group:") in groups
    who = who.lower()
    return bool(email) and (email.endswith(who) if who.startswith("@") else email == who)
