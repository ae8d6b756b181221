"""Writing a catalogue: new segments and encoder files first, then one rename of the manifest."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import JsonValue

from clip_branches.catalogue import manifest as manifests
from clip_branches.catalogue.columns import check_items
from clip_branches.catalogue.manifest import FileEntry, Manifest, NamedFile, SegmentEntry, read_manifest
from clip_branches.catalogue.reader import EncoderSpec
from clip_branches.catalogue.segment import EMBEDDINGS, IDS, INDEX, ITEMS
from clip_branches.catalogue.storage import FolderLock, remove_leftovers, storage_error
from clip_branches.errors import DamagedFile, InvalidInput, UnknownCatalogue
from clip_branches.files import fsync_file, fsync_folder, replacing, sha256_of

_HEAD_FILES = ("head.json", "head.safetensors")
_ROW_GROUP = 65_536


class CatalogueWriter:
    """Writes the next generation of the catalogue in folder ``path``; nothing is visible before ``commit``.

    Use it as a context manager: leaving the block without a commit removes what was written. One writer at a time:
    a second one raises StorageError at once. The generation holds the segments added, nothing of the one before;
    ids are stable as long as the caller gives known images the ids they had, and takes the others from ``new_ids``.

    ``encoder`` names the files to copy into the catalogue. ``image_root`` is kept relative to the catalogue when it
    lies in the same data folder (the folder above the catalogues), so that the data folder can be moved.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        name: str,
        title: str,
        image_root: Path,
        encoder: EncoderSpec,
        examples: Sequence[str] = (),
        recipe: dict[str, JsonValue] | None = None,
    ) -> None:
        self.path = Path(path)
        self._name = manifests.check_name(name)
        self._title = title
        self._image_root = _portable_root(self.path, image_root)
        self._encoder = encoder
        self._examples = list(examples)
        self._recipe = recipe
        self._segments: list[SegmentEntry] = []
        self._written: list[Path] = []
        self._used_ids = np.empty(0, dtype=np.uint64)
        self._is_new_folder = not self.path.exists()
        self._lock = FolderLock(self.path, f"The catalogue {self.path}")
        self._lock.acquire()
        try:
            remove_leftovers(self.path)
            self._previous = _read_previous(self.path)
        except BaseException:
            self._lock.release()
            raise
        self.generation = self._previous.generation + 1 if self._previous else 1
        self.next_id = self._previous.next_id if self._previous else 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def new_ids(self, count: int) -> npt.NDArray[np.uint64]:
        """``count`` ids (count,) uint64 that no item of this catalogue ever had."""
        ids = np.arange(self.next_id, self.next_id + count, dtype=np.uint64)
        self.next_id += count
        return ids

    def add_segment(
        self,
        table: pa.Table,
        embeddings: npt.NDArray[np.floating[Any]] | None,
        write_index: Callable[[Path], None],
    ) -> None:
        """Write a segment: rows in index order, their embeddings (n, d), stored as float16, and the box index.

        ``table`` has the columns id, source, caption, width, height, sha256 and any of string, integer, float or bool.
        ``write_index(path)`` writes the index file. Raises InvalidInput for rows that cannot be items, StorageError
        when the disk refuses; what was written by this writer is then removed.
        """
        table = check_items(table, next_id=self.next_id)
        if embeddings is not None and (embeddings.ndim != 2 or len(embeddings) != table.num_rows):
            raise InvalidInput(
                f"The 'embeddings' of a segment must have shape ({table.num_rows}, d). Got {embeddings.shape} instead."
            )
        ids = table.column("id").to_numpy()
        twice = np.intersect1d(ids, self._used_ids)
        if len(twice):
            raise InvalidInput(f"The ids of a segment must be new to the catalogue. Got {twice[:5].tolist()} again.")
        segment_id = f"g{self.generation:06d}-{len(self._segments):03d}"
        folder = self.path / "segments" / segment_id
        with self._cleaning_up():
            if folder.exists():  # left by a writer that was killed: no manifest ever named it
                shutil.rmtree(folder)
            folder.mkdir(parents=True)
            self._written.append(folder)
            pq.write_table(table, folder / ITEMS, row_group_size=_ROW_GROUP, compression="zstd")
            np.save(folder / IDS, ids, allow_pickle=False)
            if embeddings is not None:
                np.save(folder / EMBEDDINGS, embeddings.astype(np.float16, copy=False), allow_pickle=False)
            write_index(folder / INDEX)
            files = {file.name: _entry(file) for file in sorted(folder.iterdir())}
            fsync_folder(folder)
        self._segments.append(SegmentEntry(id=segment_id, rows=table.num_rows, files=files))
        self._used_ids = np.concatenate([self._used_ids, ids])

    def commit(self) -> Manifest:
        """Make the new generation the catalogue's current one, all at once, and release the writer."""
        if not self._segments:
            raise InvalidInput("A catalogue must have at least one segment. Got none instead.")
        with self._cleaning_up():
            encoder = self._copy_encoder()
            fsync_folder(self.path / "segments")
            fsync_folder(self.path)
            fsync_folder(self.path.parent)
            manifest = Manifest(
                name=self._name,
                title=self._title,
                generation=self.generation,
                created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                image_root=self._image_root,
                next_id=self.next_id,
                encoder=encoder,
                segments=self._segments,
                examples=self._examples,
                recipe=self._recipe,
            )
            manifest.save(self.path)
        self._written.clear()
        # Readers that opened the generation before may still open its index files: it stays until the next commit.
        _remove_unnamed(self.path, [manifest, *([self._previous] if self._previous else [])])
        self._lock.release()
        return manifest

    def close(self) -> None:
        """Remove what was written and not committed, and let other writers in. Does nothing after ``commit``."""
        if not self._lock.held:
            return
        for path in self._written:
            shutil.rmtree(path, ignore_errors=True)
        self._written.clear()
        if self._is_new_folder:
            shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()

    @contextlib.contextmanager
    def _cleaning_up(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.close()
            raise storage_error(f"Writing the catalogue {self.path}", error) from error
        except BaseException:
            self.close()
            raise

    def _copy_encoder(self) -> manifests.EncoderEntry:
        spec = self._encoder
        sources = [] if spec.head_path is None else [spec.head_path / name for name in _HEAD_FILES]
        sources.append(spec.quantiser_path)
        digest = hashlib.sha256()
        for source in sources:
            digest.update(f"{source.name} {sha256_of(source)} ".encode())
        # Named by content: files of the generation before are never overwritten.
        folder = self.path / "encoder" / digest.hexdigest()[:16]
        if not folder.exists():
            self._written.append(folder)
        folder.mkdir(parents=True, exist_ok=True)
        files = []
        for source in sources:
            target = folder / ("quantiser.json" if source is spec.quantiser_path else source.name)
            with replacing(target) as temporary:
                shutil.copyfile(source, temporary)
            entry = _entry(target)
            files.append(
                NamedFile(file=target.relative_to(self.path).as_posix(), sha256=entry.sha256, bytes=entry.bytes)
            )
        fsync_folder(self.path / "encoder")
        return manifests.EncoderEntry(
            model=spec.model, fingerprint=spec.fingerprint, head=files[:-1], quantiser=files[-1]
        )


def _entry(path: Path) -> FileEntry:
    fsync_file(path)
    return FileEntry(sha256=sha256_of(path), bytes=path.stat().st_size)


def _read_previous(path: Path) -> Manifest | None:
    try:
        return read_manifest(path)
    except UnknownCatalogue:
        return None
    except DamagedFile as error:
        # Which ids were ever used is not known then, and none may be used twice under the same name.
        raise DamagedFile(f"{error.message} Move the folder {path} away to build the catalogue anew.") from error


def _portable_root(path: Path, image_root: Path) -> str:
    root, data_dir = image_root.resolve(), path.resolve().parent.parent
    if root.is_relative_to(data_dir):
        return Path(os.path.relpath(root, path.resolve())).as_posix()
    return root.as_posix()


def _remove_unnamed(path: Path, keep: Sequence[Manifest]) -> None:
    """Remove segments and encoder folders that none of the manifests names; readers ignore what cannot be removed."""
    segments = {entry.id for manifest in keep for entry in manifest.segments}
    encoders = {Path(manifest.encoder.quantiser.file).parent.name for manifest in keep}
    for folder, named in ((path / "segments", segments), (path / "encoder", encoders)):
        with contextlib.suppress(OSError):
            for entry in folder.iterdir():
                if entry.name not in named:
                    shutil.rmtree(entry, ignore_errors=True)
