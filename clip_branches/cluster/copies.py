"""A node's own copies of segments: for storage that is shared but slow. Checked, whole or absent, used by every shard.

<folder>/<catalogue>/<segment>-<first digits of the index's sha256>/boxes.cbx, ids.npy
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from clip_branches.catalogue.manifest import FileEntry, SegmentEntry
from clip_branches.catalogue.storage import check_file, storage_errors
from clip_branches.errors import DamagedFile
from clip_branches.files import replacing

_PIECE = 1 << 24
_DIGITS = 16
_FORGOTTEN_S = 3_600.0  # what no shard has opened for an hour, and no generation at hand names, is of one that is gone


def copied(source: Path, entry: SegmentEntry, names: Iterable[str], target: Path) -> Path:
    """The folder below ``target`` with the node's copy of these files of the segment in ``source``.

    A copy that is there and whole is used as it is. Raises DamagedFile naming the file whose bytes are not those of
    its checksum, StorageError when the disk refuses.
    """
    names = list(names)
    folder = target / f"{entry.id}-{entry.files[names[0]].sha256[:_DIGITS]}"
    with storage_errors(f"Copying the segment {entry.id} to this node", folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            if not _is_whole(folder / name, entry.files[name]):
                _copy(source / name, folder / name, entry.files[name])
        folder.touch()
    return folder


def forget_others(target: Path, kept: Iterable[Path]) -> None:
    """Remove the copies that nobody has opened for an hour, but for ``kept``: what is mapped stays readable."""
    keep = set(kept)
    for folder in target.iterdir() if target.is_dir() else ():
        if folder not in keep and folder.stat().st_mtime < time.time() - _FORGOTTEN_S:
            shutil.rmtree(folder, ignore_errors=True)


def _is_whole(path: Path, entry: FileEntry) -> bool:
    try:
        check_file(path, size=entry.bytes, sha256=entry.sha256)
    except DamagedFile:
        return False
    return True


def _copy(source: Path, target: Path, entry: FileEntry) -> None:
    """Copy a file; what was read must be what the manifest names."""
    check_file(source, size=entry.bytes, sha256=None)
    digest = hashlib.sha256()
    with replacing(target) as temporary:
        with source.open("rb") as read, temporary.open("wb") as written:
            while piece := read.read(_PIECE):
                digest.update(piece)
                written.write(piece)
        if digest.hexdigest() != entry.sha256:
            raise DamagedFile(
                f"The file {source} is damaged: its sha256 must be {entry.sha256}. Got {digest.hexdigest()} instead."
            )
