"""Captions in .txt files beside images; a text is read again only where its size or time is another than before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from clip_branches.files import replacing
from preprocessing.report import Note

SUFFIX = ".txt"
_MAX_BYTES = 100_000
_SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("size", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("caption", pa.string()),
        ("problem", pa.string()),
    ]
)


class Stamp(NamedTuple):
    """Size and time of a file."""

    size: int
    mtime_ns: int


class _Text(NamedTuple):
    stamp: Stamp
    caption: str | None
    problem: str | None


class Sidecars:
    """The texts of a folder, as they were read; kept in the file ``path`` from one look to the next, if it is given."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._known = {} if path is None else _read_kept(path)

    def captions(
        self, images: Sequence[str], folder: Path, texts: Mapping[str, Stamp]
    ) -> tuple[list[str | None], list[Note]]:
        """The caption of each of the ``images`` below ``folder``, None where there is none; and what could not be read.

        ``texts`` are the .txt files that are there, by path below the folder.
        """
        captions: list[str | None] = []
        notes = []
        seen: dict[str, _Text] = {}
        for image in images:
            name = text_of(image)
            if name not in texts:
                captions.append(None)
                continue
            text = self._known.get(name)
            if text is None or text.stamp != texts[name]:
                text = _read(folder / name, texts[name])
            seen[name] = text
            captions.append(text.caption)
            if text.problem is not None:
                notes.append(Note(image, "unreadable caption", f"{PurePosixPath(name).name} {text.problem}"))
        if self._path is not None and seen != self._known:
            _keep(self._path, seen)
        self._known = seen
        return captions, notes


def text_of(image: str) -> str:
    """The path of the text beside an image."""
    stem, dot, ending = image.rpartition(".")
    return f"{stem}{SUFFIX}" if dot and "/" not in ending else f"{image}{SUFFIX}"


def _read(path: Path, stamp: Stamp) -> _Text:
    try:
        with path.open("rb") as file:
            return _Text(stamp, file.read(_MAX_BYTES).decode("utf-8-sig"), None)
    except UnicodeDecodeError as error:
        return _Text(stamp, None, f"must be UTF-8 text: {error}; save it as UTF-8")
    except OSError as error:
        # What the disk refused once may be readable next time.
        return _Text(Stamp(-1, 0), None, f"must be readable. Got: {error.strerror or error}")


def _keep(path: Path, texts: Mapping[str, _Text]) -> None:
    rows = texts.values()
    columns = [
        list(texts),
        [text.stamp.size for text in rows],
        [text.stamp.mtime_ns for text in rows],
        [text.caption for text in rows],
        [text.problem for text in rows],
    ]
    with replacing(path) as temporary:
        pq.write_table(pa.table(columns, schema=_SCHEMA), temporary, compression="zstd")


def _read_kept(path: Path) -> dict[str, _Text]:
    try:
        table = pq.read_table(path, schema=_SCHEMA)
    except (pa.ArrowException, OSError):
        return {}  # not there yet, or damaged: the texts are read again
    columns = (column.to_pylist() for column in table.columns)
    return {
        name: _Text(Stamp(size, time), caption, problem)
        for name, size, time, caption, problem in zip(*columns, strict=True)
    }
