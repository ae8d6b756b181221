"""What img2dataset writes: shards of images, texts and facts, in folders or in webdataset tars that stay packed.

00000/000000012.jpg .txt .json     or   00000.tar with those members
00000.parquet                      one row a URL: url, caption, key, status, error_message, ... (tars may lack it)
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from clip_branches.catalogue.packed import tar_source
from clip_branches.catalogue.sources import is_url
from clip_branches.errors import InvalidInput
from preprocessing.metadata import storable_columns
from preprocessing.report import Note
from preprocessing.sources.columns import stack, table_of
from preprocessing.sources.folder import EXTENSIONS
from preprocessing.sources.listing import ImageFile, Listing
from preprocessing.sources.tars import list_members, read_member

SHARD = re.compile(r"\d{5,}")
_TOLD = ("key", "status", "error_message", "caption", "width", "height", "sha256")


def list_img2dataset(folder: Path) -> Listing:
    """Every image of the shards in ``folder``, by shard and key; rows that were not downloaded are dropped rows.

    Raises InvalidInput when there are no shards.
    """
    names = {path.name if path.is_dir() else path.stem for path in folder.iterdir() if _is_shard(path)}
    if not names:
        raise InvalidInput(f"The source must hold img2dataset's shards (00000.tar or 00000/). Got none in {folder}.")
    shards = [_read_shard(folder, name) for name in sorted(names)]
    metadata, notes = storable_columns(
        stack([shard.metadata for shard in shards], [len(shard.files) for shard in shards]), folder.name
    )
    return Listing(
        folder,
        [file for shard in shards for file in shard.files],
        [key for shard in shards for key in shard.keys],
        [caption for shard in shards for caption in shard.captions],
        metadata,
        sorted(note for shard in shards for note in shard.dropped),
        notes + [note for shard in shards for note in shard.warnings],
    )


class _Shard(NamedTuple):
    files: list[ImageFile]
    keys: list[str]
    captions: list[str | None]
    metadata: pa.Table
    dropped: list[Note]
    warnings: list[Note]


class _Part(NamedTuple):
    """A file of a shard, on disk or in its tar."""

    source: str
    size: int
    mtime_ns: int
    read: Callable[[], bytes]


# Files of a shard: for every key, its parts by suffix in lower case.
_Parts = dict[str, dict[str, _Part]]


def _is_shard(path: Path) -> bool:
    if path.name.startswith("."):
        return False
    return path.suffix == ".tar" or (path.is_dir() and SHARD.fullmatch(path.name) is not None)


def _read_shard(folder: Path, name: str) -> _Shard:
    tar, table = folder / f"{name}.tar", folder / f"{name}.parquet"
    warnings: list[Note] = []
    parts = _parts_of_tar(tar, warnings) if tar.is_file() else _parts_of_folder(folder / name)
    if table.is_file():
        try:
            return _by_table(pq.read_table(table), parts, table, warnings)
        except (pa.ArrowException, OSError) as error:
            warnings.append(Note(table.name, "unreadable table", str(error).splitlines()[0]))
    return _by_parts(parts, warnings)


def _parts_of_folder(folder: Path) -> _Parts:
    parts: _Parts = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        status = path.stat()
        part = _Part(f"{folder.name}/{path.name}", status.st_size, status.st_mtime_ns, path.read_bytes)
        parts.setdefault(path.stem, {})[path.suffix.lower()] = part
    return parts


def _parts_of_tar(tar: Path, warnings: list[Note]) -> _Parts:
    try:
        members, whole = list_members(tar)
    except InvalidInput as error:
        warnings.append(Note(tar.name, "unreadable archive", error.message))
        return {}
    if not whole:
        warnings.append(Note(tar.name, "archive cut short", f"{len(members):,} members are whole and were taken"))
    stamp = tar.stat().st_mtime_ns
    parts: _Parts = {}
    for member in members:
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or path.name.startswith("."):
            warnings.append(Note(tar.name, "odd member", f"{member.name!r} leads elsewhere and is left out"))
            continue
        stem, dot, suffix = path.name.partition(".")  # webdataset: a key ends at the first dot of the name
        source = tar_source(tar.name, member.name, member.offset, member.size)

        def read(member: Any = member) -> bytes:
            return read_member(tar, member)

        parts.setdefault((path.parent / stem).as_posix(), {})[(dot + suffix).lower()] = _Part(
            source, member.size, stamp, read
        )
    return parts


def _by_table(table: pa.Table, parts: _Parts, path: Path, warnings: list[Note]) -> _Shard:
    """The shard as its table tells it: one row a URL, most of them with an image."""
    if "key" not in table.column_names or "status" not in table.column_names:
        warnings.append(
            Note(path.name, "unreadable table", f"it must have key and status; it has {table.column_names}")
        )
        return _by_parts(parts, warnings)
    keys = table.column("key").cast(pa.string()).to_pylist()
    states = table.column("status").to_pylist()
    columns = {name: _texts(table, name, len(keys)) for name in ("caption", "url", "error_message")}
    taken, files, dropped = [], [], []
    for row, (key, state) in enumerate(zip(keys, states, strict=True)):
        image = _image(parts.get(key, {}))
        if image is not None and state == "success":
            files.append(ImageFile(image.source, image.size, image.mtime_ns))
            taken.append(row)
            continue
        address = columns["url"][row]
        name = address if address is not None and is_url(address) else key
        if state == "success":
            dropped.append(Note(name, "missing", f"{path.name} names the image {key}, and it is not there"))
        else:
            reason = str(state or "failed").replace("_", " ")
            dropped.append(Note(name, reason, columns["error_message"][row] or "without a reason"))
    facts = table.drop_columns([name for name in _TOLD if name in table.column_names]).take(pa.array(taken, pa.int64()))
    captions = columns["caption"]
    return _Shard(
        files, [keys[row] for row in taken], [captions[row] for row in taken], _plain_exif(facts), dropped, warnings
    )


def _by_parts(parts: _Parts, warnings: list[Note]) -> _Shard:
    """The shard as its files tell it: captions from .txt, facts from .json."""
    files, keys, captions, facts = [], [], [], []
    for key, own in parts.items():
        image = _image(own)
        if image is None:
            continue
        told = _read_json(own.get(".json"), warnings)
        text = _read_text(own.get(".txt"), warnings)
        caption = text if text is not None else told.get("caption")
        files.append(ImageFile(image.source, image.size, image.mtime_ns))
        keys.append(key)
        captions.append(caption if isinstance(caption, str) else None)
        facts.append({name: value for name, value in told.items() if name not in _TOLD})
    return _Shard(files, keys, captions, _plain_exif(table_of(facts)), [], warnings)


def _image(parts: dict[str, _Part]) -> _Part | None:
    return next((part for suffix, part in parts.items() if suffix in EXTENSIONS), None)


def _read_json(part: _Part | None, warnings: list[Note]) -> dict[str, Any]:
    if part is None:
        return {}
    try:
        value = json.loads(part.read())
    except (OSError, ValueError) as error:
        warnings.append(Note(part.source, "unreadable facts", f"it must be JSON: {error}"))
        return {}
    return value if isinstance(value, dict) else {}


def _read_text(part: _Part | None, warnings: list[Note]) -> str | None:
    if part is None:
        return None
    try:
        return part.read().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        warnings.append(Note(part.source, "unreadable caption", f"it must be UTF-8 text: {error}"))
        return None


def _texts(table: pa.Table, name: str, rows: int) -> list[str | None]:
    if name not in table.column_names:
        return [None] * rows
    return list(table.column(name).cast(pa.string()).to_pylist())


def _plain_exif(table: pa.Table) -> pa.Table:
    """``table`` without the column exif where that says nothing."""
    if "exif" not in table.column_names:
        return table
    values = set(table.column("exif").to_pylist())
    return table.drop_columns(["exif"]) if values <= {None, "", "{}", "null"} else table
