"""Look at one image file: what it is, or why it cannot be used. Runs in worker processes, so it imports little."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from clip_branches.errors import TooLarge, UnsupportedImage
from clip_branches.images import decode_image

MAX_BYTES = 512 * 2**20


class Check(NamedTuple):
    """What was found: upright size in pixels and sha256 of the bytes, or a ``reason`` (else "") with its ``detail``."""

    source: str
    size: int
    mtime_ns: int
    sha256: str
    width: int
    height: int
    reason: str
    detail: str


def check_images(root: Path, files: Sequence[tuple[str, int, int]]) -> list[Check]:
    """Check each (source, size, mtime_ns) below ``root``; never raises for what a file holds."""
    return [Check(source, size, time, *_look(root / source)) for source, size, time in files]


def _look(path: Path) -> tuple[str, int, int, str, str]:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            return ("", 0, 0, "too large", f"{size / 2**20:.0f} MiB, at most {MAX_BYTES // 2**20} are read")
        content = path.read_bytes()
    except OSError as error:
        return ("", 0, 0, "unreadable", error.strerror or str(error))
    try:
        image = decode_image(content)
    except TooLarge as error:
        return ("", 0, 0, "too many pixels", error.message)
    except UnsupportedImage as error:
        return ("", 0, 0, "undecodable", error.message)
    return (hashlib.sha256(content).hexdigest(), image.width, image.height, "", "")
