"""Look at one image: what it is, or why it cannot be used. Runs in worker processes, so it imports little."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from clip_branches.catalogue.packed import read_source
from clip_branches.errors import InvalidInput, TooLarge, UnsupportedImage
from clip_branches.images import inspect_image
from preprocessing.truncation import is_cut_short


class Check(NamedTuple):
    """What was found: upright size in pixels and sha256 of the bytes, or a ``reason`` (else "") with its ``detail``.

    ``phash`` is the perceptual hash, where it was asked for. An image of which only the embedding is there is not
    ``at_hand``: its size and sha256 are what the source says.
    """

    source: str
    size: int
    mtime_ns: int
    sha256: str
    width: int
    height: int
    reason: str
    detail: str
    phash: str = ""
    at_hand: bool = True


def check_images(root: Path, files: Sequence[tuple[str, int, int]], *, hashed: bool = False) -> list[Check]:
    """Check each (source, size, mtime_ns) below ``root``, with perceptual hashes if ``hashed``.

    Never raises for what a file holds.
    """
    return [Check(source, size, time, *_look(root, source, hashed)) for source, size, time in files]


def _look(root: Path, source: str, hashed: bool) -> tuple[str, int, int, str, str, str]:
    try:
        content = read_source(root, source)
    except OSError as error:
        return ("", 0, 0, "unreadable", error.strerror or str(error), "")
    except InvalidInput as error:
        return ("", 0, 0, "unreadable", error.message, "")
    try:
        image = inspect_image(content)
    except TooLarge as error:
        return ("", 0, 0, "too many pixels", error.message, "")
    except UnsupportedImage as error:
        return ("", 0, 0, "truncated" if is_cut_short(content) else "undecodable", error.message, "")
    phash = ""
    if hashed:
        from preprocessing.filters.near import perceptual_hash

        phash = perceptual_hash(image.small)
    return (hashlib.sha256(content).hexdigest(), image.width, image.height, "", "", phash)
