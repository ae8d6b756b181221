"""The images of a local folder, searched recursively, with their captions; nothing in it is ever changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from clip_branches.errors import InvalidInput
from preprocessing.captions import CaptionFile, attach_sidecars
from preprocessing.report import Note
from preprocessing.sources.listing import ImageFile, Listing

EXTENSIONS = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif"})


def list_folder(folder: Path, captions: Path | None, *, leave_out: Path | None = None) -> Listing:
    """Every image below ``folder``, with captions of the file ``captions``, or else of .txt files beside the images.

    Raises InvalidInput for a folder or a captions file that cannot be used.
    """
    told = CaptionFile(captions) if captions else None
    files, dropped = list_images(folder, leave_out=leave_out)
    sources = [file.source for file in files]
    columns, warnings = attach_sidecars(sources, folder) if told is None else told.attach(sources, sources, folder)
    texts = columns.column("caption").to_pylist()
    return Listing(folder, files, sources, texts, columns.drop_columns(["caption"]), dropped, warnings)


def list_images(folder: Path, *, leave_out: Path | None = None) -> tuple[list[ImageFile], list[Note]]:
    """Every image file below ``folder`` by its extension, sorted by path, and those that cannot be taken, as notes.

    Hidden files and folders are passed over, and so is the folder ``leave_out``; links to folders are not followed.
    Raises InvalidInput when ``folder`` is not a folder or holds no image at all.
    """
    if not folder.is_dir():
        raise InvalidInput(f"The source must be a folder of images. Got {folder} instead.")
    files, dropped = [], []
    root = folder.resolve()
    for path in _candidates(folder, leave_out.resolve() if leave_out else None):
        source = path.relative_to(folder).as_posix()
        try:
            source.encode()
        except UnicodeEncodeError:
            readable = source.encode("utf-8", "backslashreplace").decode()
            dropped.append(Note(readable, "name is not UTF-8", "rename the file to use it"))
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            dropped.append(Note(source, "outside the folder", f"links to {path.resolve()}"))
            continue
        try:
            status = path.stat()
        except OSError as error:
            dropped.append(Note(source, "unreadable", error.strerror or str(error)))
            continue
        files.append(ImageFile(source, status.st_size, status.st_mtime_ns))
    if not files and not dropped:
        raise InvalidInput(
            f"The source folder must hold images ({', '.join(sorted(EXTENSIONS))}). Got none in {folder} instead."
        )
    return sorted(files), dropped


def _candidates(folder: Path, leave_out: Path | None) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise InvalidInput(f"The source folder must be readable. Got {error.strerror} at {error.filename} instead.")

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and Path(parent, name).resolve() != leave_out
        )
        for name in sorted(names):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in EXTENSIONS:  # noqa: PTH122
                yield Path(parent, name)
