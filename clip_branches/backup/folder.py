"""A data folder to a backup and back: saved searches, API keys, requests of answers, catalogues and their images."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from clip_branches.backup.catalogues import check_catalogue, copy_catalogue
from clip_branches.backup.saved import check_database, copy_database
from clip_branches.catalogue import list_catalogues
from clip_branches.errors import Conflict, NotFound
from clip_branches.files import replacing

SAVED, CATALOGUES, ANSWERS, SOURCES = "saved/searches.sqlite", "catalogues", "answers", "sources"
ACCESS, _KEYS = "access", "keys.json"  # not the secret beside it: a new one is made, and people log in again
_REQUEST = "request.json"


@dataclass
class Told:
    """What a backup holds, and what of it was new."""

    catalogues: dict[str, int] = field(default_factory=dict)  # name -> generation
    saved: bool = False
    files: int = 0
    new_bytes: int = 0


def copy(source: Path, target: Path, *, images: bool = True) -> Told:
    """Bring ``target`` up to date with ``source``: a data folder and its backup, or the other way round.

    In this order, so that all of it fits together however much is changed meanwhile: saved searches first, whose ids a
    later catalogue still holds; then catalogues; then images, of which a catalogue's are there before it is committed.
    Files that the source has no longer stay in the target, but for those that a catalogue has given up.
    """
    told = Told()
    if (source / SAVED).is_file():
        told.new_bytes += copy_database(source / SAVED, target / SAVED)
        told.saved = True
    if (source / ACCESS / _KEYS).is_file():
        (target / ACCESS).mkdir(mode=0o700, parents=True, exist_ok=True)
        _copy_files(source / ACCESS, target / ACCESS, told, only=_KEYS)
    _copy_files(source / ANSWERS, target / ANSWERS, told, only=_REQUEST)
    for name in _catalogues(source):
        manifest, copied = copy_catalogue(source / CATALOGUES / name, target / CATALOGUES / name)
        told.catalogues[name] = manifest.generation
        told.new_bytes += copied
    if images:
        _copy_files(source / SOURCES, target / SOURCES, told)
    return told


def restore(backup: Path, data_dir: Path) -> Told:
    """Put a backup in place. Raises Conflict where the data folder has something of the same name already."""
    check(backup)
    there = [
        path
        for path in (SAVED, f"{ACCESS}/{_KEYS}", *(f"{CATALOGUES}/{name}" for name in _catalogues(backup)))
        if (backup / path).exists() and (data_dir / path).exists()
    ]
    if there:
        raise Conflict(
            f"The data folder {data_dir} holds {', '.join(there)} already, and a restore would write over that. "
            "Move it away first, or name another folder."
        )
    return copy(backup, data_dir)


def check(backup: Path) -> Told:
    """Read everything. Raises DamagedFile naming what is not whole, NotFound when there is no backup."""
    told = Told(saved=(backup / SAVED).is_file())
    if told.saved:
        check_database(backup / SAVED)
    told.catalogues = {name: check_catalogue(backup / CATALOGUES / name).generation for name in _catalogues(backup)}
    if not told.saved and not told.catalogues:
        raise NotFound(f"There is no backup in {backup}: neither saved searches nor catalogues.")
    return told


def _catalogues(folder: Path) -> list[str]:
    return list_catalogues(folder / CATALOGUES) if (folder / CATALOGUES).is_dir() else []


def _copy_files(source: Path, target: Path, told: Told, *, only: str | None = None) -> None:
    for path in _files(source, only):
        told.files += 1
        copy = target / path.relative_to(source)
        try:
            status = path.stat()
            if (
                copy.is_file()
                and (known := copy.stat()).st_size == status.st_size
                and known.st_mtime >= status.st_mtime
            ):
                continue
            copy.parent.mkdir(parents=True, exist_ok=True)
            with replacing(copy) as temporary:
                shutil.copy2(path, temporary)
        except FileNotFoundError:  # gone since it was listed
            continue
        told.new_bytes += status.st_size


def _files(folder: Path, only: str | None) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent) / name for name in names if not name.startswith(".tmp-") and only in (None, name))
