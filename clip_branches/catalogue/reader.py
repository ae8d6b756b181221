"""Reading a catalogue: open one generation, find items by id."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from clip_branches.catalogue.amended import read_amended, rows_among
from clip_branches.catalogue.history import earlier_manifests
from clip_branches.catalogue.lookup import IdLookup, as_ids
from clip_branches.catalogue.manifest import MANIFEST, Manifest, NamedFile, SegmentEntry, read_manifest
from clip_branches.catalogue.packed import read_source
from clip_branches.catalogue.rows import rows_to_items
from clip_branches.catalogue.segment import Segment, map_array
from clip_branches.catalogue.sources import resolve_source
from clip_branches.catalogue.storage import check_file
from clip_branches.errors import DamagedFile, UnknownCatalogue, UnknownItem

_NAMED_IN_ERRORS = 10


@dataclass(frozen=True)
class EncoderSpec:
    """What encodes queries for a catalogue.

    ``model`` is a reference such as "demo" or "ViT-B-32/openai"; ``quantiser_path`` a file; ``head_path`` the folder of
    head.json and head.safetensors, or None; ``fingerprint`` a digest of the towers' files, where they are local.
    """

    model: str
    quantiser_path: Path
    head_path: Path | None = None
    fingerprint: str | None = None


class Catalogue:
    """One generation of a catalogue, mapped into memory; it keeps serving when newer generations are committed.

    Attributes: ``path`` folder; ``name``; ``title``; ``generation`` from 1; ``size`` number of live items;
    ``image_root`` absolute folder of the images; ``encoder``; ``examples`` queries worth trying; ``segments``;
    ``deleted`` sorted uint64 ids with a tombstone; ``has_captions``; ``fingerprint`` tells this generation from every
    other, also from one built anew. Safe to use from several threads.
    """

    def __init__(self, path: Path, manifest: Manifest, *, verify: bool, like: Catalogue | None = None) -> None:
        self.path = path
        self.manifest = manifest
        self.fingerprint = manifest.fingerprint()
        self.name = manifest.name
        self.title = manifest.title
        self.generation = manifest.generation
        self.examples = list(manifest.examples)
        self.image_root = (path / manifest.image_root).resolve()
        self.encoder = _check_encoder(path, manifest, verify=verify)
        amended = read_amended(path, manifest.amended, verify=verify)
        segments = [_open_segment(path, entry, verify=verify, like=like) for entry in manifest.segments]
        self.segments: tuple[Segment, ...] = tuple(
            segment.with_amended(rows_among(amended, segment.ids)) for segment in segments
        )
        self.deleted = read_deleted(path, manifest.deleted, verify=verify)
        self.has_captions = any(segment.has_captions for segment in self.segments)
        self._lookup: IdLookup | None = None
        self._lock = threading.Lock()
        rows = sum(segment.rows for segment in self.segments)
        self.size = rows - (int(self._ids().find(self.deleted)[1].sum()) if len(self.deleted) else 0)

    @classmethod
    def open(cls, path: str | Path, *, verify: bool = True, like: Catalogue | None = None) -> Self:
        """Open the current generation of the catalogue in folder ``path``.

        ``verify=True`` reads every file once and checks it against its checksum; False checks sizes and headers only.
        ``like``, another generation that is open, lends its segments where they are the same: they are neither read
        nor checked again, so that opening costs what is new. Raises UnknownCatalogue when there is none, DamagedFile
        naming the first file that is not what it must be.
        """
        path = Path(path)
        for _ in range(3):
            manifest = _read_known(path)
            try:
                return cls(path, manifest, verify=verify, like=like)
            except DamagedFile:
                # Two commits while this generation was being opened: its files are gone, rightly. Open the new one.
                if _read_known(path).generation == manifest.generation:
                    raise
        return cls(path, _read_known(path), verify=verify, like=like)

    @classmethod
    def open_earlier(cls, path: str | Path, fingerprint: str, *, like: Catalogue | None = None) -> Self | None:
        """An earlier generation by its fingerprint, or None when it is no longer kept whole."""
        path = Path(path)
        for manifest in earlier_manifests(path, _read_known(path)):
            if manifest.fingerprint() == fingerprint:
                try:
                    return cls(path, manifest, verify=True, like=like)
                except DamagedFile:
                    return None
        return None

    def items(self, ids: Sequence[int] | npt.NDArray[np.integer[Any]]) -> tuple[list[dict[str, Any]], list[int]]:
        """Items by id, in the order asked for, and the ids that are not there (or are deleted).

        An item is a dict of JSON values: id, source, caption (str or None), width, height, sha256, and metadata, a dict
        of the further columns; null, NaN and infinity are None.
        """
        wanted, known = as_ids(ids)
        rows, found = self._ids().find(wanted)
        found &= known & ~self._is_deleted(wanted)
        numbers, local = self._split(rows[found])
        items = rows_to_items(self.segments, numbers, local)
        return items, [int(ids[position]) for position in np.flatnonzero(~found).tolist()]

    def locate(
        self, ids: Sequence[int] | npt.NDArray[np.integer[Any]]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Where items are: segment numbers (k,) int64 and rows within those segments (k,) int64, in the order given.

        Raises UnknownItem naming the ids that are not in the catalogue.
        """
        wanted, known = as_ids(ids)
        rows, found = self._ids().find(wanted)
        found &= known & ~self._is_deleted(wanted)
        if not found.all():
            missing = [int(ids[position]) for position in np.flatnonzero(~found).tolist()]
            named = ", ".join(str(item) for item in missing[:_NAMED_IN_ERRORS])
            more = f" and {len(missing) - _NAMED_IN_ERRORS} more" if len(missing) > _NAMED_IN_ERRORS else ""
            raise UnknownItem(f"The ids must be of items in the catalogue {self.name!r}. Got {named}{more} instead.")
        return self._split(rows)

    def contains(self, ids: Sequence[int] | npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.bool_]:
        """(k,) bool: whether each id is a live item of this generation."""
        wanted, known = as_ids(ids)
        _, found = self._ids().find(wanted)
        return found & known & ~self._is_deleted(wanted)

    def image_path(self, source: str) -> Path:
        """Absolute path of a local image by its item's source; InvalidInput for a URL or a path outside the root."""
        return resolve_source(self.image_root, source)

    def image_bytes(self, source: str) -> bytes:
        """The bytes of a local image by its item's source: a file, or a part of a tar or Parquet file.

        Raises InvalidInput for a URL or a path outside the root, OSError when the file cannot be read.
        """
        return read_source(self.image_root, source)

    def _ids(self) -> IdLookup:
        with self._lock:
            if self._lookup is None:
                self._lookup = IdLookup([segment.ids for segment in self.segments])
            return self._lookup

    def _split(self, rows: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        starts = self._ids().starts
        numbers = np.searchsorted(starts, rows, side="right").astype(np.int64) - 1
        return numbers, rows - starts[numbers]

    def _is_deleted(self, ids: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        if len(self.deleted) == 0:
            return np.zeros(len(ids), dtype=np.bool_)
        positions = np.minimum(np.searchsorted(self.deleted, ids), len(self.deleted) - 1)
        return np.asarray(self.deleted[positions] == ids)


def list_catalogues(folder: str | Path) -> list[str]:
    """Names of the catalogues in ``folder``, sorted; none when the folder does not exist."""
    folder = Path(folder)
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if (entry / MANIFEST).is_file())


def _read_known(path: Path) -> Manifest:
    try:
        return read_manifest(path)
    except UnknownCatalogue as error:
        known = ", ".join(list_catalogues(path.parent)) or "none"
        raise UnknownCatalogue(f"{error.message} Catalogues in {path.parent}: {known}.") from error


def _check_encoder(path: Path, manifest: Manifest, *, verify: bool) -> EncoderSpec:
    entry = manifest.encoder
    for file in (*entry.head, entry.quantiser):
        check_file(path / file.file, size=file.bytes, sha256=file.sha256 if verify else None)
    head_path = (path / entry.head[0].file).parent if entry.head else None
    return EncoderSpec(entry.model, path / entry.quantiser.file, head_path, entry.fingerprint)


def _open_segment(path: Path, entry: SegmentEntry, *, verify: bool, like: Catalogue | None) -> Segment:
    folder = path / "segments" / entry.id
    for segment in like.segments if like is not None else ():
        # The same id under another checksum is another segment: of a catalogue that was built from scratch.
        if segment.entry == entry and segment.path == folder:
            return segment
    return Segment(folder, entry, verify=verify)


def read_deleted(path: Path, entry: NamedFile | None, *, verify: bool) -> npt.NDArray[np.uint64]:
    """The sorted ids with a tombstone in a generation of the catalogue in ``path``. Raises DamagedFile."""
    if entry is None:
        return np.empty(0, dtype=np.uint64)
    check_file(path / entry.file, size=entry.bytes, sha256=entry.sha256 if verify else None)
    return np.unique(map_array(path / entry.file, np.dtype(np.uint64), rows=None, ndim=1))
