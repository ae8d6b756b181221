"""Embeddings made elsewhere: clip-retrieval's folders, and the older features.npy beside photo_ids.csv.

    img_emb/img_emb_0.npy ...  metadata/metadata_0.parquet ...    read in sorted order; an id is a row's position
    features.npy  photo_ids.csv  (photos.tsv000)                  a row a photo; Unsplash's table is used if there

The images may lie below a folder, or be web addresses that are listed and not fetched, or be gone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from clip_branches.catalogue.sources import is_url
from clip_branches.errors import InvalidInput
from preprocessing.metadata import storable_columns
from preprocessing.report import Note
from preprocessing.sources.columns import CAPTIONS, URLS, find_column, maybe_column, stack
from preprocessing.sources.folder import EXTENSIONS
from preprocessing.sources.listing import ImageFile, Imported, Listing
from preprocessing.sources.tables import TableFile
from preprocessing.sources.unsplash import read_photos

_PATHS = ("image_path", "filename", "file_name", "path", "key")
_BLOCK = 16_384


def list_embeddings(folder: Path, *, images: Path | None = None) -> Listing:
    """Every row of the embeddings in ``folder``; its image, if at hand, lies below ``images`` (else ``folder``).

    Raises InvalidInput for tables and arrays that do not fit together, or arrays that are no embeddings.
    """
    arrays, table = _read_older(folder) if (folder / "features.npy").is_file() else _read_clip_retrieval(folder)
    root = images or folder
    files, captions, imported, taken = [], [], [], []
    dropped: list[Note] = []
    told = _Told(folder, table)
    named = _by_name(root) if "photo_id" in table.column_names else {}
    row = 0
    for array in arrays:
        digests = _digests(folder / array, dropped, row)
        for position, digest in enumerate(digests):
            source, file = _locate(root, told, row, named)
            if digest is not None:
                files.append(file or ImageFile(source, 0, 0))
                captions.append(told.captions[row])
                sha256, width, height = ("", 0, 0) if file else told.facts(row, f"{source} {digest}")
                imported.append(Imported(array, position, sha256, width, height))
                taken.append(row)
            row += 1
    metadata, notes = storable_columns(told.rest.take(pa.array(taken, pa.int64())), folder.name)
    ids = [told.ids[row] for row in taken]
    return Listing(root, files, ids, captions, metadata, dropped, notes, imported)


def open_embeddings(path: Path) -> npt.NDArray[np.floating[Any]]:
    """The array (n, d) in the .npy file ``path``, mapped; InvalidInput when it is none of numbers, or not of rows."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"The embeddings in {path} must be a whole .npy file of numbers. Got: {error}.") from error
    if array.ndim != 2 or array.shape[1] < 1 or array.dtype.kind != "f":
        raise InvalidInput(
            f"The embeddings in {path} must be floats of shape (images, width). Got {array.dtype} of {array.shape}."
        )
    return np.asarray(array)


class _Told:
    """What the tables say of every row."""

    def __init__(self, folder: Path, table: pa.Table) -> None:
        names = table.column_names
        where = f"the metadata in {folder}"
        self._table = table
        self._paths = _column(table, maybe_column(where, names, None, _PATHS, "--image-column"))
        self._urls = _column(table, maybe_column(where, names, None, ("url_fetched", *URLS), "--url-column"))
        caption = maybe_column(where, names, None, CAPTIONS, "--caption-column")
        self.captions = _column(table, caption)
        photo = "photo_id" if "photo_id" in names else None
        self.ids: list[str] = (
            [str(value) for value in _column(table, photo)] if photo else [str(row) for row in range(table.num_rows)]
        )
        self.rest = table.drop_columns([name for name in (caption, "sha256", "width", "height") if name in names])
        self._sha256 = _column(table, "sha256" if "sha256" in names else None)
        self._sizes = [_column(table, name if name in names else None) for name in ("width", "height")]

    def source(self, row: int) -> str:
        """The row's path or address, or else its number."""
        return self._paths[row] or self._urls[row] or f"row-{row}"

    def address(self, row: int) -> str | None:
        """The row's web address."""
        return next((text for text in (self._urls[row], self._paths[row]) if text and is_url(text)), None)

    def facts(self, row: int, identity: str) -> tuple[str, int, int]:
        """sha256 and size of an image that is not at hand: as told, else of its ``identity``, and 1 x 1."""
        sha256 = (self._sha256[row] or "").lower()
        if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
            sha256 = hashlib.sha256(identity.encode()).hexdigest()
        width, height = (_whole(column[row]) for column in self._sizes)
        return sha256, width, height


def _read_clip_retrieval(folder: Path) -> tuple[list[str], pa.Table]:
    arrays = sorted((folder / "img_emb").glob("*.npy"), key=lambda path: path.name)
    if not arrays:
        raise InvalidInput(
            f"The source must hold img_emb/*.npy, or features.npy and photo_ids.csv. Got none in {folder}."
        )
    tables = sorted((folder / "metadata").glob("*.parquet"), key=lambda path: path.name)
    lengths = [len(open_embeddings(path)) for path in arrays]
    _check_widths(arrays)
    if not tables:
        names = pa.nulls(sum(lengths), pa.string())
        return [path.relative_to(folder).as_posix() for path in arrays], pa.table({"image_path": names})
    if len(tables) != len(arrays):
        raise InvalidInput(
            f"There must be as many files in img_emb and metadata of {folder}. Got {len(arrays)} and {len(tables)}."
        )
    parts = []
    for array, path, length in zip(arrays, tables, lengths, strict=True):
        try:
            part = pq.read_table(path)
        except (pa.ArrowException, OSError) as error:
            raise InvalidInput(f"The metadata in {path} must be a whole Parquet file. Got: {error}") from error
        if part.num_rows != length:
            raise InvalidInput(f"{array} and {path} must have as many rows each. Got {length} and {part.num_rows}.")
        parts.append(part)
    return [path.relative_to(folder).as_posix() for path in arrays], stack(parts, lengths)


def _read_older(folder: Path) -> tuple[list[str], pa.Table]:
    table_path = folder / "photo_ids.csv"
    table_file = TableFile(table_path)
    name = find_column(str(table_path), table_file.names, None, ("photo_id", "photo_ids", "id"), "its header")
    ids = pa.chunked_array(
        [chunk for batch in table_file.batches() for chunk in batch.column(name).chunks], pa.string()
    )
    length = len(open_embeddings(folder / "features.npy"))
    if len(ids) != length:
        raise InvalidInput(
            f"features.npy and photo_ids.csv in {folder} must have as many rows. Got {length} and {len(ids)}."
        )
    photos = read_photos(folder)
    if photos is None:
        urls = pa.array([f"https://unsplash.com/photos/{photo}/download" for photo in ids.to_pylist()], pa.string())
        return ["features.npy"], pa.table({"photo_id": ids, "url": urls})
    places = {photo: row for row, photo in enumerate(photos.column("photo_id").to_pylist())}
    rows = pa.array([places.get(photo) for photo in ids.to_pylist()], pa.int64())
    joined = photos.take(rows)
    return ["features.npy"], joined.set_column(joined.column_names.index("photo_id"), "photo_id", ids)


def _check_widths(arrays: Sequence[Path]) -> None:
    first = open_embeddings(arrays[0]).shape[1]
    for path in arrays:
        width = open_embeddings(path).shape[1]
        if width != first:
            raise InvalidInput(f"The embeddings in {path} must be {first} wide, as in {arrays[0].name}. Got {width}.")


def _digests(path: Path, dropped: list[Note], first_row: int) -> list[str | None]:
    """A digest of every row of an array, None for one that is no direction: not finite, or all zero."""
    array = open_embeddings(path)
    digests: list[str | None] = []
    for start in range(0, len(array), _BLOCK):
        block = np.ascontiguousarray(array[start : start + _BLOCK])
        lengths = np.linalg.norm(block.astype(np.float32), axis=1)
        for row, length in enumerate(lengths.tolist()):
            if np.isfinite(length) and length > 0:
                digests.append(hashlib.sha256(block[row].tobytes()).hexdigest())
            else:
                dropped.append(Note(f"{path.name} row {start + row}", "no embedding", f"its length is {length}"))
                digests.append(None)
    return digests


def _by_name(root: Path) -> dict[str, str]:
    """The images right in ``root`` by their names without ending: photos are commonly kept as <photo_id>.jpg."""
    if not root.is_dir():
        return {}
    return {path.stem: path.name for path in sorted(root.iterdir()) if path.suffix.lower() in EXTENSIONS}


def _locate(root: Path, told: _Told, row: int, named: Mapping[str, str]) -> tuple[str, ImageFile | None]:
    """Where the row's image is: its source, and the file when it is there."""
    text = (named.get(told.ids[row]) or told.source(row)).replace("\\", "/")
    address = told.address(row)
    path = Path(text)
    if not is_url(text):
        if path.is_absolute() and path.is_relative_to(root.resolve()):
            text = path.relative_to(root.resolve()).as_posix()
        parts = [part for part in PurePosixPath(text).parts if part not in ("/", "..", ".")]
        text = "/".join(parts) or f"row-{row}"
        found = root / text
        if found.is_file() and found.resolve().is_relative_to(root.resolve()):
            status = found.stat()
            return text, ImageFile(text, status.st_size, status.st_mtime_ns)
    return address or text, None


def _column(table: pa.Table, name: str | None) -> list[Any]:
    if name is None:
        return [None] * table.num_rows
    column = table.column(name)
    return list((column if name in ("width", "height") else column.cast(pa.string())).to_pylist())


def _whole(value: Any) -> int:
    try:
        return max(1, int(value))
    except (TypeError, ValueError, OverflowError):
        return 1
