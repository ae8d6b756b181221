"""Images themselves as a file: a zip to look into, or a tar that webdataset reads."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED

from PIL import Image, UnidentifiedImageError
from zipstream import ZipStream

from clip_branches.cancelling import checkpoint
from clip_branches.catalogue import Catalogue
from clip_branches.errors import ClipBranchesError
from clip_branches.images import FORMATS
from search_service.exporting.rows import Export
from search_service.exporting.sink import Sink
from search_service.exporting.text import as_csv, inert

_SUFFIXES = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif"}
_PIECE = 1 << 20
TAR_MISSING = "__missing__/missing.csv"


class _NotThere(Exception):
    """An image that cannot be written, and why."""


def as_zip(export: Export) -> Iterator[bytes]:
    """images/<id>.<suffix>, best first; images.csv, recipe.json and, where there are any, missing.csv with reasons.

    Images are stored as they are: they are compressed already.
    """
    stream = ZipStream(compress_type=ZIP_STORED, sized=False)
    missing: list[tuple[Any, ...]] = []
    for rows in export.batches():
        for row in rows:
            checkpoint()
            try:
                content, suffix = _image(export.catalogue, row)
            except _NotThere as reason:
                missing.append((row["id"], row["source"], str(reason)))
                continue
            stream.add(content, f"images/{row['id']}.{suffix}")
            yield from stream.all_files()
    stream.add(as_csv(export), "images.csv", compress_type=ZIP_DEFLATED)
    stream.add(json.dumps(export.recipe, ensure_ascii=False, indent=1), "recipe.json", compress_type=ZIP_DEFLATED)
    if missing:
        stream.add(_csv(missing), "missing.csv", compress_type=ZIP_DEFLATED)
    yield from stream.finalize()


def as_webdataset(export: Export) -> Iterator[bytes]:
    """A tar of samples 000000000.jpg, .txt (caption) and .json, as img2dataset writes them, best first.

    The recipe is the "comment" of the tar's global header. Images that cannot be read are named, with reasons, in a
    last entry below a folder that webdataset's readers pass over: it is no sample.
    """
    sink = Sink()
    comment = json.dumps(export.recipe, ensure_ascii=False)
    missing: list[tuple[Any, ...]] = []
    with tarfile.open(mode="w|", fileobj=sink, format=tarfile.PAX_FORMAT, pax_headers={"comment": comment}) as archive:
        for rows in export.batches():
            for row in rows:
                checkpoint()
                key = f"{row['rank'] - 1:09d}"
                try:
                    content, suffix = _image(export.catalogue, row)
                except _NotThere as reason:
                    missing.append((row["id"], row["source"], str(reason)))
                    continue
                _add(archive, f"{key}.{suffix}", content)
                if row["caption"] is not None:
                    _add(archive, f"{key}.txt", row["caption"].encode())
                told = {"key": key, "status": "success", "error_message": None, **row}
                _add(archive, f"{key}.json", json.dumps(told, ensure_ascii=False).encode())
                if sink.waiting >= _PIECE:
                    yield sink.take()
        if missing:
            _add(archive, TAR_MISSING, _csv(missing).encode())
    yield sink.take()


def _image(catalogue: Catalogue, row: dict[str, Any]) -> tuple[bytes, str]:
    """(bytes, suffix) of an image, checked against the catalogue: never those of a file that took its place."""
    if row["source"] is None:
        raise _NotThere("deleted from the catalogue")
    try:
        content = catalogue.image_bytes(row["source"])
    except ClipBranchesError as error:
        raise _NotThere(error.message) from error
    except OSError as error:
        raise _NotThere(f"the file cannot be read: {error.strerror or error}") from error
    if hashlib.sha256(content).hexdigest() != row["sha256"]:
        raise _NotThere("the file was changed since the catalogue was built")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            return content, _SUFFIXES.get(image.format or "", "bin")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _NotThere("the file is not an image that can be read") from error


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _csv(rows: list[tuple[Any, ...]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([("id", "source", "reason"), *(map(inert, row) for row in rows)])
    return buffer.getvalue()
