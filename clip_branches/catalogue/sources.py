"""Sources of items: paths that stay inside the image root, or web addresses."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from clip_branches.errors import InvalidInput


def is_url(source: str) -> bool:
    """True for a web address, False for a path."""
    return source.startswith(("http://", "https://"))


def check_source(source: str) -> None:
    """Raise InvalidInput unless ``source`` is a URL or a plain relative path that never climbs out of its root."""
    if is_url(source):
        return
    path = PurePosixPath(source)
    if not source or path.is_absolute() or ".." in path.parts or "\0" in source or not _is_text(source):
        raise InvalidInput(
            f"The 'source' of an item must be a URL or a path below the image root. Got {source!r} instead."
        )


def _is_text(source: str) -> bool:
    """Whether a name can be written down: half of a surrogate pair, which no file system takes, cannot."""
    try:
        source.encode()
    except UnicodeEncodeError:
        return False
    return True


def resolve_source(image_root: Path, source: str) -> Path:
    """The absolute path of a source below ``image_root``; links that lead out of the root are refused.

    Raises InvalidInput for a URL and for a path that leaves the root. The file itself may be missing.
    """
    if is_url(source):
        raise InvalidInput(f"The 'source' of a local image must be a path. Got the address {source!r} instead.")
    check_source(source)
    # By os.path: this runs for every image that is read, and pathlib takes three times as long.
    root = os.path.realpath(image_root)
    path = os.path.realpath(os.path.join(root, source))  # noqa: PTH118
    if path != root and not path.startswith(os.path.join(root, "")):  # noqa: PTH118
        raise InvalidInput(f"The 'source' of an item must stay inside the image root. Got {source!r} instead.")
    return Path(path)
