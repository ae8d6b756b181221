"""``<data_dir>/access/secret``: what the services of a platform know in common, and nobody else.

Made by the first service that needs it: 256 random bits, readable by its owner alone. Each use takes a key of its own
from it, so that what is signed for one can never pass for another.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from clip_branches.errors import DamagedFile, StorageError

_LENGTH = 64


class SharedSecret:
    """The secret below ``data_dir``."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / "access" / "secret"

    @property
    def exists(self) -> bool:
        return self.path.exists()

    def key_for(self, use: str) -> bytes:
        """32 bytes for one use; makes the secret where there is none."""
        return hmac.digest(self._read(), use.encode(), hashlib.sha256)

    def _read(self) -> bytes:
        try:
            if not self.path.exists():
                self._make()
            content = self.path.read_bytes().strip()
        except OSError as error:
            raise StorageError(
                f"The services' shared secret, {self.path}, cannot be made or read: {error.strerror or error}. "
                "Let the service write there, or copy the file of another service to it."
            ) from error
        if len(content) != _LENGTH:
            raise DamagedFile(f"The services' shared secret, {self.path}, must be {_LENGTH} characters. Remove it.")
        return content

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
