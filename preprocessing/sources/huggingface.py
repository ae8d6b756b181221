"""A Hugging Face dataset folder on disk: Parquet files with the images' bytes in a column, read without unpacking."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clip_branches.catalogue.packed import parquet_source
from clip_branches.errors import InvalidInput
from preprocessing.metadata import storable_columns
from preprocessing.report import Note
from preprocessing.sources.columns import CAPTIONS, maybe_column, stack
from preprocessing.sources.listing import ImageFile, Listing

_IMAGES = ("image", "img", "jpg", "png", "picture", "photo")
_SPLITS = ("train", "validation", "valid", "val", "test", "dev")


def list_huggingface(
    folder: Path, *, image_column: str | None = None, caption_column: str | None = None, split: str | None = None
) -> Listing:
    """Every row of the Parquet files below ``folder`` whose image column holds bytes; other columns are metadata.

    Class labels become their names, and the caption where there is no other. ``split`` takes the files of one split.
    Raises InvalidInput when no file has a column of images.
    """
    paths = [path for path in parquet_files(folder) if split is None or _split_of(path, folder) == split]
    if not paths:
        named = f" of the split {split!r}" if split else ""
        arrow = " Its .arrow files are the cache's form: write them with Dataset.to_parquet." * any(
            folder.rglob("*.arrow")
        )
        raise InvalidInput(
            f"The source must hold Parquet files{named} with images in a column. Got none in {folder}.{arrow}"
        )
    parts = [_read_file(path, folder, image_column, caption_column) for path in paths]
    metadata, notes = storable_columns(
        stack([part.metadata for part in parts], [len(part.files) for part in parts]), folder.name
    )
    files = [file for part in parts for file in part.files]
    captions = [caption for part in parts for caption in part.captions]
    dropped = [note for part in parts for note in part.dropped]
    notes += [note for part in parts for note in part.warnings]
    return Listing(folder, files, [file.source for file in files], captions, metadata, dropped, notes)


def parquet_files(folder: Path) -> list[Path]:
    """The Parquet files below ``folder``, sorted; hidden folders are passed over."""
    found = [*folder.rglob("*.parquet"), *folder.rglob("*.pq")]
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def image_column_of(schema: pa.Schema) -> str | None:
    """The column that holds images as bytes or as a struct with bytes; None when there is none."""
    names = [field.name for field in schema if _holds_bytes(field.type)]
    features = _features(schema)
    marked = [name for name in names if (features.get(name) or {}).get("_type") == "Image"]
    usual = [name for name in names if name.lower() in _IMAGES]
    structs = [name for name in names if pa.types.is_struct(schema.field(name).type)]
    return next(iter([*marked, *usual, *structs]), None)


class _File(NamedTuple):
    files: list[ImageFile]
    captions: list[str | None]
    metadata: pa.Table
    dropped: list[Note]
    warnings: list[Note]


def _read_file(path: Path, folder: Path, image_column: str | None, caption_column: str | None) -> _File:
    name = path.relative_to(folder).as_posix()
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            column = image_column or image_column_of(schema)
            if column is None or column not in schema.names or not _holds_bytes(schema.field(column).type):
                raise InvalidInput(
                    f"The images of {path} must be bytes in a column, such as 'image'; name it with --image-column. "
                    f"Got the columns {schema.names}."
                )
            others = [field for field in schema.names if field != column]
            table = file.read(columns=others)
            rows = file.metadata.num_rows
            present = [flag for group in range(file.num_row_groups) for flag in _presence(file, group, column)]
    except (pa.ArrowException, OSError) as error:
        return _File([], [], pa.table({}), [Note(name, "unreadable", str(error).splitlines()[0])], [])
    table = _named_labels(table, _features(schema))
    status = path.stat()
    files, taken, dropped = [], [], []
    for row, (has_bytes, other) in enumerate(present):
        if has_bytes:
            files.append(ImageFile(parquet_source(name, column, row), status.st_size, status.st_mtime_ns))
            taken.append(row)
        elif other is not None and (folder / other).is_file():
            told = (folder / other).stat()
            files.append(ImageFile(Path(other).as_posix(), told.st_size, told.st_mtime_ns))
            taken.append(row)
        else:
            detail = f"it names {other}, which is not below {folder}" if other else "the row holds no image"
            dropped.append(Note(parquet_source(name, column, row), "missing", detail))
    described_by, captions, several = _captions(name, table, caption_column, rows)
    positions = pa.array(taken, pa.int64())
    metadata = table.drop_columns([described_by]) if described_by else table
    split = _split_of(path, folder)
    if split is not None and "split" not in metadata.column_names:
        metadata = metadata.append_column("split", pa.array([split] * rows, pa.string()))
    warnings = []
    if several:
        detail = f"{several:,} rows have several in {described_by!r}; the first of each is used"
        warnings.append(Note(name, "several captions", detail))
    return _File(files, [captions[row] for row in taken], metadata.take(positions), dropped, warnings)


def _presence(file: pq.ParquetFile, group: int, column: str) -> list[tuple[bool, str | None]]:
    """For every row of a row group: whether it has bytes, and the path that it names instead.

    The images are only read where the file's statistics leave that open.
    """
    told = file.metadata.row_group(group)
    for number in range(told.num_columns):
        chunk = told.column(number)
        statistics = chunk.statistics
        if (
            chunk.path_in_schema in (column, f"{column}.bytes")
            and statistics is not None
            and statistics.null_count == 0
        ):
            return [(True, None)] * told.num_rows
    values = file.read_row_group(group, columns=[column]).column(column)
    if not pa.types.is_struct(values.type):
        return [(flag, None) for flag in pc.is_valid(values).to_pylist()]
    has_bytes = pc.is_valid(pc.struct_field(values, "bytes")).to_pylist()
    if values.type.get_field_index("path") < 0:
        return [(flag, None) for flag in has_bytes]
    return list(zip(has_bytes, pc.struct_field(values, "path").to_pylist(), strict=True))


def _captions(where: str, table: pa.Table, wanted: str | None, rows: int) -> tuple[str | None, list[str | None], int]:
    """The column of captions, the captions, and how many rows have a list of several, of which the first counts."""
    name = maybe_column(where, table.column_names, wanted, CAPTIONS, "--caption-column")
    if name is None:
        labels = next((label for label in ("label", "labels", "fine_label") if label in table.column_names), None)
        if labels is None or not pa.types.is_string(table.column(labels).type):
            return None, [None] * rows, 0
        return None, table.column(labels).to_pylist(), 0
    values = [_texts_of(value) for value in table.column(name).to_pylist()]
    return name, [texts[0] if texts else None for texts in values], sum(len(set(texts)) > 1 for texts in values)


def _texts_of(value: Any) -> list[str]:
    if isinstance(value, list):
        return [item for item in value if isinstance(item, str)]
    return [] if value is None else [str(value)]


def _named_labels(table: pa.Table, features: dict[str, Any]) -> pa.Table:
    for position, name in enumerate(table.column_names):
        names = (features.get(name) or {}).get("names") if isinstance(features.get(name), dict) else None
        if isinstance(names, list) and pa.types.is_integer(table.column(name).type):
            numbers = table.column(name).to_pylist()
            words = [str(names[n]) if n is not None and 0 <= n < len(names) else None for n in numbers]
            table = table.set_column(position, name, pa.array(words, pa.string()))
    return table


def _features(schema: pa.Schema) -> dict[str, Any]:
    """What the datasets library noted about the columns, where it wrote the file."""
    try:
        told = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = told["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return features if isinstance(features, dict) else {}


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        position = kind.get_field_index("bytes")
        return position >= 0 and _holds_bytes(kind.field(position).type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _split_of(path: Path, folder: Path) -> str | None:
    words = [*path.relative_to(folder).parent.parts, *path.stem.split("-")]
    return next((word for word in words if word in _SPLITS), None)
