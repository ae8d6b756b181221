"""Earlier generations of a catalogue: their manifests are kept for as long as all their files are.

    generations/g000003.json   byte for byte the manifest that generation 3 had

Adding and deleting leave the segments of earlier generations in place, so those can be opened again at no cost in
space; compaction and rebuilding write new segments, after which the generations before last as long as their segments.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from clip_branches.catalogue.manifest import MANIFEST, Manifest, read_manifest_file
from clip_branches.errors import DamagedFile, UnknownCatalogue
from clip_branches.files import TEMPORARY_PREFIX, write_whole

GENERATIONS = "generations"
_KEPT = 64


def keep_manifest(folder: Path, manifest: Manifest) -> None:
    """Keep a copy of ``manifest``, the current one, before the next takes its place."""
    path = _path(folder, manifest.generation)
    path.parent.mkdir(exist_ok=True)
    write_whole(path, manifest.to_bytes())


def earlier_manifests(folder: Path, current: Manifest) -> list[Manifest]:
    """The kept manifests of generations before ``current``, newest first; what cannot be read is passed over."""
    found = []
    for path in sorted((folder / GENERATIONS).glob("g[0-9]*.json"), reverse=True):
        with contextlib.suppress(UnknownCatalogue, DamagedFile):
            manifest = read_manifest_file(path)
            if manifest.generation < current.generation and path == _path(folder, manifest.generation):
                found.append(manifest)
    return found


def prune(folder: Path, current: Manifest, previous: Manifest | None) -> None:
    """Remove what neither of the two generations needs, and the kept manifests that need it.

    A manifest goes before its files do: one that is there can be opened. What cannot be removed is harmless, and the
    next commit tries again.
    """
    held = {*current.files(), *(previous.files() if previous else ())}
    kept = [current, *([previous] if previous else [])]
    for manifest in earlier_manifests(folder, current):
        if previous is not None and manifest.generation == previous.generation:
            continue
        # Tombstones and the like are small: an earlier generation keeps its own as long as its segments are in use.
        if len(kept) < _KEPT and _large(manifest) <= held:
            kept.append(manifest)
        else:
            with contextlib.suppress(OSError):
                _path(folder, manifest.generation).unlink(missing_ok=True)
    _remove_unnamed(folder, {file for manifest in kept for file in manifest.files()})


def unnamed_files(folder: Path, manifests: Iterable[Manifest]) -> list[Path]:
    """Files below ``folder`` that none of ``manifests`` names: left by a killed writer, or foreign."""
    named = {MANIFEST, ".lock", *(file for manifest in manifests for file in manifest.files())}
    named |= {f"{GENERATIONS}/g{manifest.generation:06d}.json" for manifest in manifests}
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() or path.is_symlink())
    return [path for path in files if path.relative_to(folder).as_posix() not in named]


def _large(manifest: Manifest) -> set[str]:
    return {file for file in manifest.files() if file.startswith(("segments/", "encoder/"))}


def _remove_unnamed(folder: Path, named: set[str]) -> None:
    folders = {parent.as_posix() for file in named for parent in Path(file).parents}
    for parent in ("segments", "encoder"):
        with contextlib.suppress(OSError):
            for entry in (folder / parent).iterdir():
                if f"{parent}/{entry.name}" not in folders:
                    shutil.rmtree(entry, ignore_errors=True)
    for pattern in ("deleted-*", "amended-*", "removed-*", "recipe-*"):
        for path in folder.glob(pattern):
            if path.name not in named and not path.name.startswith(TEMPORARY_PREFIX):
                with contextlib.suppress(OSError):
                    path.unlink()


def _path(folder: Path, generation: int) -> Path:
    return folder / GENERATIONS / f"g{generation:06d}.json"
