"""A folder of images with classes and captions, as evaluations and trainings of retrieval take it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from clip_branches.errors import InvalidInput
from preprocessing.captions import CaptionFile, find_captions
from preprocessing.sidecars import Sidecars
from preprocessing.sources.folder import list_images

_CLASS_COLUMNS = ("class", "label", "category")
_HOW = (
    "A class is the column class (or label, category) of the table, else the folder that an image is in, else what "
    "stands before the first '_' of its name"
)


@dataclass(frozen=True)
class Labelled:
    """``files`` below ``folder``, sorted, with the name of each one's class and its captions (none, one or several)."""

    folder: Path
    files: list[str]
    classes: list[str]
    captions: list[tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.files)

    @property
    def names(self) -> list[str]:
        """The different classes, sorted."""
        return sorted(set(self.classes))

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """The number (n,) of each image's class in :attr:`names`."""
        return np.unique(self.classes, return_inverse=True)[1].astype(np.int64)

    def take(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> Labelled:
        """The images of ``rows``, in their order."""
        files, classes, captions = (
            [column[row] for row in rows] for column in (self.files, self.classes, self.captions)
        )
        return Labelled(self.folder, files, classes, captions)  # type: ignore[arg-type]

    def identity(self) -> str:
        """Digest of names, sizes, classes and captions: what a training that goes on must find unchanged."""
        digest = hashlib.sha256()
        for file, one, captions in zip(self.files, self.classes, self.captions, strict=True):
            size = (self.folder / file).stat().st_size
            digest.update("\0".join([file, str(size), one, *captions, "\n"]).encode())
        return digest.hexdigest()


def read_labelled(folder: Path, table: Path | None = None) -> Labelled:
    """The images below ``folder`` with their classes and captions.

    ``table`` (or captions.csv, .tsv or .parquet in the folder) has the columns filename and caption, a row a caption,
    and maybe class; without a table the lines of a ``.txt`` beside an image are its captions. Raises InvalidInput for a
    folder or a table that cannot be used, and where an image has no class.
    """
    found = list_images(folder)
    files = [file.source for file in found.files]
    if not files:
        raise InvalidInput(f"The folder {folder} must hold images that can be read. Got none.")
    path = table or find_captions(folder)
    if path is None:
        texts, _ = Sidecars().captions(files, folder, found.texts)
        captions = [_lines(text) for text in texts]
        told: dict[str, str] = {}
    else:
        captions, told = _of_table(path, files)
    class_of = _class_reader(folder, files, told)
    return Labelled(folder, files, [class_of(file) for file in files], captions)


def _lines(text: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line.strip() for line in (text or "").splitlines() if line.strip()))


def _of_table(path: Path, files: list[str]) -> tuple[list[tuple[str, ...]], dict[str, str]]:
    """Captions of each file, and the class of those that the table gives one."""
    table = CaptionFile(path)
    by_name: dict[str, list[str]] = {}
    for file in files:
        by_name.setdefault(PurePosixPath(file).name, []).append(file)
    known = set(files)
    column = next((name for name in table.metadata.column_names if name.strip().lower() in _CLASS_COLUMNS), None)
    classes = table.metadata.column(column).to_pylist() if column else [None] * len(table.names)
    captions: dict[str, dict[str, None]] = {}
    told: dict[str, str] = {}
    for name, caption, one in zip(table.names, table.captions, classes, strict=True):
        places = [name] if name in known else by_name.get(name or "", [])
        if len(places) != 1:
            continue  # a table may tell of more images than are there
        captions.setdefault(places[0], {}).update(dict.fromkeys(_lines(caption)))
        if one is not None and str(one).strip():
            told[places[0]] = str(one).strip()
    if not captions:
        raise InvalidInput(
            f"The table {path} must name images of the folder. None of its {len(table.names)} rows does."
        )
    return [tuple(captions.get(file, ())) for file in files], told


def _class_reader(folder: Path, files: list[str], told: dict[str, str]) -> Callable[[str], str]:
    if told:
        missing = [file for file in files if file not in told]
        if missing:
            raise InvalidInput(
                f"Every image of {folder} must have a class in the table. {len(missing):,} have none, such as "
                f"{missing[0]!r}. {_HOW}."
            )
        return told.__getitem__
    if all("/" in file for file in files):
        return lambda file: str(PurePosixPath(file).parent)
    without = [file for file in files if "_" not in PurePosixPath(file).name]
    if without:
        raise InvalidInput(f"Every image of {folder} must have a class. {without[0]!r} has none. {_HOW}.")
    return lambda file: PurePosixPath(file).name.partition("_")[0]
