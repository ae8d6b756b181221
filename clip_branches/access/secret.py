"""``<data_dir>/access/secret``: what the services of a platform know in common, and nobody else.

Made by the first service that needs it: 256 random bits, readable by its owner alone. Each use takes a key of its own
from it, so that what is signed for one can never pass for another.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
from pathlib import Path

from clip_branches.errors import DamagedFile, StorageError
from clip_branches.files import write_whole

_log = logging.getLogger(__name__)
_LENGTH = 64
_MOST = 8  # secrets that are accepted at once


class SharedSecret:
    """The secret below ``data_dir``, read again whenever its file changes. Safe to use from any thread.

    The file may hold several, one a line: the first signs, all are accepted. So it can be replaced (``rotate``) while
    what was signed before goes on being good, until the former are forgotten (``forget``).
    """

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / "access" / "secret"
        self._read_at: tuple[object, list[bytes]] = (None, [])

    @property
    def exists(self) -> bool:
        return self.path.exists()

    def keys_for(self, use: str) -> tuple[bytes, ...]:
        """Keys of 32 bytes for one use, the one that signs last; makes the secret where there is none."""
        return tuple(hmac.digest(secret, use.encode(), hashlib.sha256) for secret in reversed(self._read()))

    def rotate(self) -> None:
        """A new secret signs from now on; what was signed with those there are stays good."""
        if not self.exists:
            return self._make()
        return self._replace([secrets.token_hex(_LENGTH // 2).encode(), *self._read()][:_MOST])

    def forget(self) -> int:
        """Only the newest secret is accepted any more; how many were forgotten."""
        there = self._read()
        self._replace(there[:1])
        return len(there) - 1

    def _read(self) -> list[bytes]:
        try:
            if not self.path.exists():
                self._make()
            status = self.path.stat()
            stamp = status.st_mtime_ns, status.st_size, status.st_ino
            if self._read_at[0] == stamp:
                return self._read_at[1]
            lines = self.path.read_bytes().split()
        except OSError as error:
            raise StorageError(
                f"The services' shared secret, {self.path}, cannot be made or read: {error.strerror or error}. "
                "Let the service write there, or copy the file of another service to it."
            ) from error
        if not lines or any(len(line) != _LENGTH for line in lines):
            damaged = DamagedFile(
                f"The services' shared secret, {self.path}, must be {_LENGTH} characters, or several lines of as many. "
                "Remove it."
            )
            if not self._read_at[1]:
                raise damaged
            _log.error("the changed secret is not used", extra={"reason": damaged.message})
            lines = self._read_at[1]  # who was let in stays in while the file is being put right
        self._read_at = stamp, lines
        return lines

    def _replace(self, lines: list[bytes]) -> None:
        before = os.umask(0o077)
        try:
            write_whole(self.path, b"\n".join(lines))
        except OSError as error:
            raise StorageError(f"{self.path} cannot be written: {error.strerror or error}.") from error
        finally:
            os.umask(before)

    def _make(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self.path.with_name(f".tmp-{os.getpid()}-{secrets.token_hex(4)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(_LENGTH // 2))
                file.flush()
                os.fsync(file.fileno())
            # A link fails where a rename would replace: the first of several services wins, and all read the same.
            try:
                os.link(temporary, self.path)
            except FileExistsError:
                return
        finally:
            temporary.unlink(missing_ok=True)
