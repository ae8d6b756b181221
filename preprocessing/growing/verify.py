"""Every file of a catalogue read and checked: all that is wrong, not only the first of it."""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from clip_branches.catalogue import Catalogue, is_url, read_manifest
from clip_branches.catalogue.history import GENERATIONS, earlier_manifests, unnamed_files
from clip_branches.catalogue.manifest import MANIFEST, Manifest, read_manifest_file
from clip_branches.catalogue.segment import ITEMS
from clip_branches.catalogue.storage import check_file
from clip_branches.engine import BoxIndex
from clip_branches.errors import ClipBranchesError, DamagedFile
from preprocessing.growing.plan import live_items
from preprocessing.progress import Progress


@dataclass
class Verified:
    """What was read, and all that was found wrong (``problems``) or merely odd (``notes``)."""

    name: str
    generation: int = 0
    files: int = 0
    bytes: int = 0
    images: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For a person, without line ends."""
        images = f" and {self.images:,} images" if self.images else ""
        found = f"{len(self.problems):,} problem{'s' * (len(self.problems) != 1)}" if self.problems else "all whole"
        head = (
            f"verify: {self.name}, generation {self.generation}: {self.files:,} files{images} "
            f"({self.bytes / 1e6:,.1f} MB) read in {self.seconds:.1f} s, {found}"
        )
        return [head, *(f"  damaged: {text}" for text in self.problems), *(f"  note: {text}" for text in self.notes)]


def verify_catalogue(folder: Path, *, images: bool = False, index: bool = True) -> Verified:
    """Check every file of the catalogue in ``folder`` against its checksum, and the files against one another.

    Earlier generations that are kept are checked, too. ``images`` also reads every image file; without ``index`` a
    box index is only checked by its checksum. Raises nothing for what is damaged: that is what the answer says.
    """
    started = time.monotonic()
    result = Verified(folder.name)
    try:
        manifest = read_manifest(folder)
    except DamagedFile as error:
        result.files, result.problems = 1, [error.message]
        result.seconds = time.monotonic() - started
        return result
    result.name, result.generation = manifest.name, manifest.generation
    result.files, result.bytes = 1, (folder / MANIFEST).stat().st_size
    manifests = [manifest, *_check_kept_manifests(folder, manifest, result)]
    files = {path: entry for one in reversed(manifests) for path, entry in one.files().items()}
    with Progress("verify", len(files)) as progress:
        for name, entry in sorted(files.items()):
            _try(result, functools.partial(check_file, folder / name, size=entry.bytes, sha256=entry.sha256))
            result.files, result.bytes = result.files + 1, result.bytes + entry.bytes
            progress.update()
    if not result.problems:
        _try(result, lambda: _check_together(folder, manifest, index=index))
    if images and not result.problems:
        _check_images(folder, result)
    for path in unnamed_files(folder, manifests):
        if path.parent.name != GENERATIONS:
            result.notes.append(
                f"no generation names {path}: left by a writer that was stopped, or not of the catalogue"
            )
    result.seconds = time.monotonic() - started
    return result


def _try(result: Verified, check: Callable[[], object]) -> None:
    try:
        check()
    except ClipBranchesError as error:
        result.problems.append(error.message)


def _check_kept_manifests(folder: Path, current: Manifest, result: Verified) -> list[Manifest]:
    for path in sorted((folder / GENERATIONS).glob("*.json")):
        result.files, result.bytes = result.files + 1, result.bytes + path.stat().st_size
        _try(result, functools.partial(read_manifest_file, path))
    return earlier_manifests(folder, current)


def _check_together(folder: Path, manifest: Manifest, *, index: bool) -> None:
    """What checksums do not tell: that the files of the generation belong together. Raises DamagedFile."""
    catalogue = Catalogue.open(folder, verify=False)
    seen = np.empty(0, np.uint64)
    for segment in catalogue.segments:
        ids = np.asarray(segment.ids)
        stored = pq.read_table(segment.path / ITEMS, columns=["id"]).column("id").to_numpy()
        indexed = BoxIndex.open(segment.index_path).n_rows if index else segment.rows
        if not np.array_equal(ids, stored) or indexed != segment.rows:
            raise DamagedFile(f"The files of the segment {segment.path} must hold the same rows, and do not.")
        if len(np.unique(ids)) != len(ids) or np.isin(ids, seen).any() or int(ids.max()) >= manifest.next_id:
            raise DamagedFile(f"The ids of the segment {segment.path} must be unique and below {manifest.next_id}.")
        seen = np.concatenate([seen, ids])
    if not np.isin(catalogue.deleted, seen).all():
        raise DamagedFile(f"The tombstones of {folder} must be of items in its segments.")


def _check_images(folder: Path, result: Verified) -> None:
    catalogue = Catalogue.open(folder, verify=False)
    items = live_items(catalogue)
    with Progress("verify images", items.num_rows) as progress:
        for source, digest in zip(items.column("source").to_pylist(), items.column("sha256").to_pylist(), strict=True):
            progress.update()
            if is_url(source):
                continue
            result.images += 1
            try:
                content = catalogue.image_bytes(source)
            except (OSError, ClipBranchesError) as error:
                result.problems.append(f"the image {source} cannot be read: {error}")
                continue
            result.bytes += len(content)
            if hashlib.sha256(content).hexdigest() != digest:
                result.problems.append(f"the image {source} is not the one that the catalogue was made of")
