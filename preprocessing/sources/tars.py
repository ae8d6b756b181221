"""The members of a tar, by offset, so that each can be read without the others; a tar that is cut short is told."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import NamedTuple

from clip_branches.errors import InvalidInput


class Member(NamedTuple):
    """A file inside a tar: its name, and where its bytes are."""

    name: str
    offset: int
    size: int


def list_members(path: Path) -> tuple[list[Member], bool]:
    """The files in the tar ``path``, and whether it is whole.

    Of a tar that was cut short, the members that lie inside it whole are given. Raises InvalidInput for a file that is
    no tar, or a compressed one: its members cannot be read one by one.
    """
    length = path.stat().st_size
    members: list[Member] = []
    end = 0
    try:
        with tarfile.open(path, "r:") as tar:
            while (member := tar.next()) is not None:
                end = tar.offset
                if member.isreg() and member.offset_data + member.size <= length:
                    members.append(Member(member.name, member.offset_data, member.size))
                tar.members = []  # type: ignore[attr-defined]  # else it keeps every header in memory
    except (tarfile.TarError, EOFError) as error:
        if not members:
            raise InvalidInput(
                f"The archive {path} must be an uncompressed tar. It cannot be read: {error}. "
                "Unpack a compressed one with gunzip or zstd -d first."
            ) from error
        return members, False
    # The end is marked by an empty block; without one the writer was stopped.
    with path.open("rb") as file:
        file.seek(end)
        return members, len(file.read(tarfile.BLOCKSIZE)) == tarfile.BLOCKSIZE and end <= length


def read_member(path: Path, member: Member) -> bytes:
    """The bytes of ``member``."""
    with path.open("rb") as file:
        file.seek(member.offset)
        return file.read(member.size)
