"""``<data_dir>/access/keys.json``: keys, who may log in, and which catalogues are private.

Written whole under a lock and readable by its owner alone. It holds no secret, only digests of them, but also names.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clip_branches.errors import DamagedFile, StorageError
from clip_branches.files import write_whole

Scope = Literal["read", "label", "admin"]
CatalogueName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")]
_STRICT = ConfigDict(extra="forbid", frozen=True)


class Rights(BaseModel):
    """What somebody may do. ``catalogues``: the only ones there are for them, or null for all that are not private."""

    model_config = _STRICT
    scopes: list[Scope] = Field(min_length=1)
    catalogues: list[CatalogueName] | None = None
    per_day: int | None = Field(None, ge=1)


class Key(Rights):
    """An API key, without its secret."""

    id: str
    name: str = Field(min_length=1, max_length=100)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    made_at: datetime
    ends_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def is_valid(self) -> bool:
        return self.revoked_at is None and (self.ends_at is None or datetime.now(UTC) < self.ends_at)


class Grant(Rights):
    """Who may log in: an e-mail address, '@' and a domain, 'group:' and a name, or '*' for all the issuer knows."""

    who: str = Field(pattern=r"^(\*|group:.{1,200}|[^@\s]{0,64}@[^@\s]{1,190})$")


class KeyFile(BaseModel):
    """All of it."""

    model_config = _STRICT
    version: Literal[1] = 1
    keys: list[Key] = []
    grants: list[Grant] = []
    private: list[CatalogueName] = []


def path_in(data_dir: Path) -> Path:
    return data_dir / "access" / "keys.json"


def read(path: Path) -> KeyFile:
    """The file, or an empty one where there is none; DamagedFile naming what is wrong with it."""
    try:
        return KeyFile.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return KeyFile()
    except OSError as error:
        raise StorageError(f"The file of keys, {path}, cannot be read: {error.strerror or error}.") from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise DamagedFile(
            f"The file of keys, {path}, cannot be used: {where}: {first['msg']}. Put a backup in its place, or remove "
            "it and make new keys."
        ) from error


@contextmanager
def changing(path: Path) -> Iterator[list[KeyFile]]:
    """``[file]``, to be replaced by the file as it should be; one process at a time, kept when the block ends."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (path.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            held = [read(path)]
            yield held
            _write(path, held[0])
    except OSError as error:
        raise StorageError(f"The file of keys, {path}, cannot be written: {error.strerror or error}.") from error


def _write(path: Path, file: KeyFile) -> None:
    before = os.umask(0o077)  # never readable by others, not even for the moment before a chmod
    try:
        write_whole(path, file.model_dump_json(indent=1).encode())
    finally:
        os.umask(before)
