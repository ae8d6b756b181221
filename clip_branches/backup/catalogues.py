"""A catalogue, copied while it may be changed: the copy is one whole generation at any moment, the last or the new."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from clip_branches.catalogue.manifest import FileEntry, Manifest, read_manifest
from clip_branches.errors import Conflict, DamagedFile
from clip_branches.files import replacing

_TRIES = 5
_CHUNK = 1 << 20


def copy_catalogue(source: Path, target: Path) -> tuple[Manifest, int]:
    """(what was copied, bytes that were new). Files are never changed in place, so what is there already stays.

    First the files that the manifest names, each checked against it on the way; then the manifest, by one rename, which
    makes them the copy's generation; then what it no longer names goes. A commit in between only means another try.
    Raises DamagedFile for a file of the source that is not what its manifest says, UnknownCatalogue when there is none.
    """
    for _ in range(_TRIES):
        manifest = read_manifest(source)
        try:
            copied = sum(_copy(source / name, target / name, entry) for name, entry in manifest.files().items())
        except FileNotFoundError:  # compacted away since the manifest was read
            continue
        manifest.save(target)
        _forget(target, manifest)
        return manifest, copied
    raise Conflict(f"The catalogue in {source} changes faster than it can be copied. Try again when it is quieter.")


def check_catalogue(folder: Path) -> Manifest:
    """The manifest of a catalogue, all of whose files were read and are right; DamagedFile names the first other."""
    manifest = read_manifest(folder)
    for name, entry in manifest.files().items():
        path = folder / name
        if not path.is_file() or _digest(path) != entry.sha256:
            raise DamagedFile(f"The file {path} is not there or not what the manifest says.")
    return manifest


def _copy(source: Path, target: Path, entry: FileEntry) -> int:
    """Bytes copied: none where the target has the file already."""
    if target.is_file() and _digest(target) == entry.sha256:
        return 0
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with source.open("rb") as reader, replacing(target) as temporary:
        with temporary.open("wb") as writer:
            while chunk := reader.read(_CHUNK):
                digest.update(chunk)
                writer.write(chunk)
        if digest.hexdigest() != entry.sha256:
            raise DamagedFile(f"The file {source} is not what its catalogue's manifest says; it was not copied.")
    return entry.bytes


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _forget(folder: Path, manifest: Manifest) -> None:
    named = {folder / "manifest.json", *(folder / name for name in manifest.files())}
    for parent, folders, files in os.walk(folder, topdown=False):
        for path in (Path(parent) / name for name in files):
            if path not in named:
                path.unlink()
        for path in (Path(parent) / name for name in folders):
            if not any(path.iterdir()):
                path.rmdir()
