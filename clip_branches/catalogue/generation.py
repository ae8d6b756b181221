"""Writing a generation: one writer at a time, new files first, then one rename of the manifest."""

from __future__ import annotations

import contextlib
import datetime
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from clip_branches.catalogue import history
from clip_branches.catalogue.columns import check_items
from clip_branches.catalogue.manifest import FileEntry, Manifest, NamedFile, SegmentEntry, read_manifest
from clip_branches.catalogue.segment import EMBEDDINGS, IDS, INDEX, ITEMS
from clip_branches.catalogue.storage import FolderLock, remove_leftovers, storage_error
from clip_branches.errors import DamagedFile, InvalidInput, UnknownCatalogue
from clip_branches.files import fsync_file, fsync_folder, replacing, sha256_of

_ROW_GROUP = 65_536
Embeddings = npt.NDArray[np.floating[Any]] | Callable[[Path], None]


class GenerationWriter:
    """What every writer of a catalogue does: the lock, ids, new segments, clean-up, and the commit.

    Use it as a context manager: leaving the block without a commit removes what was written. A second writer raises
    StorageError at once. Attributes: ``generation`` that is being written; ``next_id``.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._segments: list[SegmentEntry] = []
        self._written: list[Path] = []
        self._added_ids = np.empty(0, dtype=np.uint64)
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

    def add_segment(self, table: pa.Table, embeddings: Embeddings | None, write_index: Callable[[Path], None]) -> None:
        """Write a segment: rows in index order, their embeddings, and the box index.

        ``table`` has the columns id, source, caption, width, height, sha256 and any of string, integer, float or bool.
        ``embeddings`` (n, d) are stored as float16; a callable writes that .npy file itself, for more than memory
        holds. ``write_index(path)`` writes the index file. Raises InvalidInput for rows that cannot be items,
        StorageError when the disk refuses; what was written by this writer is then removed.
        """
        table = check_items(table, next_id=self.next_id)
        if isinstance(embeddings, np.ndarray) and (embeddings.ndim != 2 or len(embeddings) != table.num_rows):
            raise InvalidInput(
                f"The 'embeddings' of a segment must have shape ({table.num_rows}, d). Got {embeddings.shape} instead."
            )
        ids = table.column("id").to_numpy()
        twice = np.intersect1d(ids, self._added_ids)
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
            if isinstance(embeddings, np.ndarray):
                np.save(folder / EMBEDDINGS, embeddings.astype(np.float16, copy=False), allow_pickle=False)
            elif embeddings is not None:
                embeddings(folder / EMBEDDINGS)
            write_index(folder / INDEX)
            files = {file.name: file_entry(file) for file in sorted(folder.iterdir())}
            fsync_folder(folder)
        self._segments.append(SegmentEntry(id=segment_id, rows=table.num_rows, files=files))
        self._added_ids = np.concatenate([self._added_ids, ids])

    def close(self) -> None:
        """Remove what was written and not committed, and let other writers in. Does nothing after a commit."""
        if not self._lock.held:
            return
        for path in self._written:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    path.unlink()
        self._written.clear()
        if self._is_new_folder:
            shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()

    def _write_named(self, name: str, write: Callable[[Path], None]) -> NamedFile:
        """Write the file ``name-<generation>`` of the catalogue folder; its suffix stays last."""
        stem, dot, suffix = name.partition(".")
        path = self.path / f"{stem}-{self.generation:06d}{dot}{suffix}"
        self._written.append(path)
        with replacing(path) as temporary:
            write(temporary)
        entry = file_entry(path)
        return NamedFile(file=path.name, sha256=entry.sha256, bytes=entry.bytes)

    def _publish(self, manifest: Manifest) -> Manifest:
        """Make ``manifest`` the current one, all at once, remove what nobody needs any more, and release the lock."""
        for folder in (self.path / "segments", self.path, self.path.parent):
            fsync_folder(folder)
        if self._previous is not None:
            history.keep_manifest(self.path, self._previous)
        manifest.save(self.path)
        self._written.clear()
        # Readers that opened the generation before may still open its index files: it stays until the next commit.
        history.prune(self.path, manifest, self._previous)
        self._lock.release()
        return manifest

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


def file_entry(path: Path) -> FileEntry:
    """The entry of a file that was just written; its bytes are on the disk when this returns."""
    fsync_file(path)
    return FileEntry(sha256=sha256_of(path), bytes=path.stat().st_size)


def now() -> str:
    """The time of a commit."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def text_writer(text: str) -> Callable[[Path], None]:
    """Writes ``text`` to the path that it is given."""

    def write(path: Path) -> None:
        path.write_text(text, encoding="utf-8")

    return write


def _read_previous(path: Path) -> Manifest | None:
    try:
        return read_manifest(path)
    except UnknownCatalogue:
        return None
    except DamagedFile as error:
        # Which ids were ever used is not known then, and none may be used twice under the same name.
        raise DamagedFile(f"{error.message} Move the folder {path} away to build the catalogue anew.") from error
