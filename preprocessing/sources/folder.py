"""The images of a local folder, searched recursively, with their captions; nothing in it is ever changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from clip_branches.errors import InvalidInput
from preprocessing.captions import CaptionFile
from preprocessing.report import Note
from preprocessing.sidecars import SUFFIX, Sidecars, Stamp
from preprocessing.sources.listing import ImageFile, Listing

EXTENSIONS = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif"})


_WANTED = EXTENSIONS | {SUFFIX}


class Found(NamedTuple):
    """A folder's image ``files``, sorted by path; those that cannot be taken; and its .txt files."""

    files: list[ImageFile]
    dropped: list[Note]
    texts: dict[str, Stamp]


def list_folder(
    folder: Path,
    captions: Path | None,
    *,
    encoding: str = "utf-8",
    leave_out: Path | None = None,
    sidecars: Sidecars | None = None,
) -> Listing:
    """Every image below ``folder``, with captions of the file ``captions``, or else of .txt files beside the images.

    ``encoding`` is that of the captions file, ``sidecars`` are the texts as an earlier look found them. Raises
    InvalidInput for a folder or a captions file that cannot be used.
    """
    told = CaptionFile(captions, encoding) if captions else None
    files, dropped, texts = list_images(folder, leave_out=leave_out)
    sources = [file.source for file in files]
    if told is None:
        words, warnings = (sidecars or Sidecars()).captions(sources, folder, texts)
        return Listing(folder, files, sources, words, pa.table({}), dropped, warnings)
    columns, warnings = told.attach(sources, sources, folder)
    words = columns.column("caption").to_pylist()
    return Listing(folder, files, sources, words, columns.drop_columns(["caption"]), dropped, warnings)


def list_images(folder: Path, *, leave_out: Path | None = None) -> Found:
    """Every image file below ``folder`` by its extension, and every text; no file is opened.

    Hidden files and folders are passed over, and so is the folder ``leave_out``; links to folders are not followed.
    Raises InvalidInput when ``folder`` is not a folder or holds no image at all.
    """
    if not folder.is_dir():
        raise InvalidInput(f"The source must be a folder of images. Got {folder} instead.")
    found = Found([], [], {})
    root = folder.resolve()
    for source, entry in _candidates(folder, leave_out.resolve() if leave_out else None):
        _take(found, source, entry, root)
    if not found.files and not found.dropped:
        raise InvalidInput(
            f"The source folder must hold images ({', '.join(sorted(EXTENSIONS))}). Got none in {folder} instead."
        )
    return found._replace(files=sorted(found.files))


def _take(found: Found, source: str, entry: os.DirEntry[str], root: Path) -> None:
    is_image = not source.endswith(SUFFIX)
    try:
        source.encode()
        if entry.is_symlink():
            target = Path(entry.path).resolve()
            if is_image and not target.is_relative_to(root):
                found.dropped.append(Note(source, "outside the folder", f"links to {target}"))
                return
        status = entry.stat()
    except UnicodeEncodeError:
        if is_image:
            readable = source.encode("utf-8", "backslashreplace").decode()
            found.dropped.append(Note(readable, "name is not UTF-8", "rename the file to use it"))
    except OSError as error:
        if is_image:
            found.dropped.append(Note(source, "unreadable", error.strerror or str(error)))
    else:
        if is_image:
            found.files.append(ImageFile(source, status.st_size, status.st_mtime_ns))
        else:
            found.texts[source] = Stamp(status.st_size, status.st_mtime_ns)


def _candidates(folder: Path, leave_out: Path | None) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Images and texts, by their names, with their paths below ``folder``; folder by folder, each sorted."""
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(folder / below) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            raise InvalidInput(
                f"The source folder must be readable. Got {error.strerror} at {error.filename} instead."
            ) from error
        folders = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            source = f"{below}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if leave_out is None or Path(entry.path).resolve() != leave_out:
                    folders.append(f"{source}/")
            elif os.path.splitext(entry.name)[1].lower() in _WANTED and not entry.is_dir():  # noqa: PTH122
                yield source, entry
        waiting += reversed(folders)
