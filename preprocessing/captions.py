"""Captions and metadata of images, from a CSV, TSV or Parquet file."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from clip_branches.errors import InvalidInput
from preprocessing.metadata import storable_columns
from preprocessing.report import Note, second_caption
from preprocessing.sources.tables import first_bad_line, known_encoding, wrong_encoding

_FILE_COLUMNS = ("filename", "file_name", "image_path")
_CAPTION_COLUMNS = ("caption",)
FOUND_BY_ITSELF = ("captions.parquet", "captions.csv", "captions.tsv")


def find_captions(source: Path) -> Path | None:
    """The captions file at the top of the ``source`` folder, if there is one."""
    return next((source / name for name in FOUND_BY_ITSELF if (source / name).is_file()), None)


class CaptionFile:
    """A file of captions, read whole: one row an image, further columns are metadata.

    Raises InvalidInput for a file that is missing, unreadable, not in ``encoding``, or without the columns filename and
    caption.
    """

    def __init__(self, path: Path, encoding: str = "utf-8") -> None:
        table = _read_table(path, known_encoding(encoding))
        file_column = _find_column(path, table, _FILE_COLUMNS)
        caption_column = _find_column(path, table, _CAPTION_COLUMNS)
        self.path = path
        self.names: list[str | None] = _strings(path, table, file_column)
        self.captions: list[str | None] = _strings(path, table, caption_column)
        self.metadata, self.notes = storable_columns(table.drop_columns([file_column, caption_column]), path.name)

    def attach(self, kept: Sequence[str], known: Sequence[str], source: Path) -> tuple[pa.Table, list[Note]]:
        """Columns caption and metadata for the sources ``kept``, in order; and what was odd, as notes.

        ``known`` are all files of the ``source`` folder: a row that names none of them is noted, and so is a second row
        for one image; the first counts. A name may be a path below the folder, below the captions' folder, or a file
        name that only one image has.
        """
        finder = _Finder(known, source, self.path.parent)
        rows: dict[str, int] = {}
        notes = list(self.notes)
        for row, name in enumerate(self.names):
            found = finder.find(name) if name else None
            if found is None:
                notes.append(Note(name or f"row {row + 1}", "caption without image", f"named in {self.path.name}"))
            elif found in rows:
                notes.append(second_caption(found, self.captions[row] or "", f"row {row + 1} of {self.path.name}"))
            else:
                rows[found] = row
        positions = pa.array([rows.get(item) for item in kept], pa.int64())
        captions = [None if row is None else self.captions[row] for row in positions.to_pylist()]
        table = pa.table({"caption": pa.array(captions, pa.string())})
        for name in self.metadata.column_names:
            table = table.append_column(name, self.metadata.column(name).take(positions))
        return table, notes


class _Finder:
    """Finds the image that a caption file means by a name."""

    def __init__(self, known: Sequence[str], source: Path, captions_folder: Path) -> None:
        self._by_path = {_key(item): item for item in known}
        counts = Counter(PurePosixPath(item).name for item in known)
        self._by_name = {
            _key(PurePosixPath(item).name): item for item in known if counts[PurePosixPath(item).name] == 1
        }
        self._source = source.resolve()
        self._folder = captions_folder.resolve()

    def find(self, name: str) -> str | None:
        key = _key(name)
        if key in self._by_path:
            return self._by_path[key]
        below = self._folder / key
        if below.is_relative_to(self._source):
            found = self._by_path.get(_key(below.relative_to(self._source).as_posix()))
            if found is not None:
                return found
        return self._by_name.get(key) if "/" not in key else None


def _key(name: str) -> str:
    # Systems disagree on composed letters and slashes; a captions file may come from another one.
    return unicodedata.normalize("NFC", name.strip().replace("\\", "/")).removeprefix("./")


def _read_table(path: Path, encoding: str) -> pa.Table:
    if not path.is_file():
        raise InvalidInput(f"The captions must be a CSV, TSV or Parquet file. Got {path}, which is not there.")
    suffix = path.suffix.lower()
    try:
        if suffix in (".parquet", ".pq"):
            return pq.read_table(path)
        if suffix in (".csv", ".tsv"):
            names = (*_FILE_COLUMNS, *_CAPTION_COLUMNS)
            types = {form: pa.string() for name in names for form in (name, name.upper(), name.capitalize())}
            return pyarrow.csv.read_csv(
                path,
                read_options=pyarrow.csv.ReadOptions(encoding="utf8" if encoding == "utf-8" else encoding),
                parse_options=pyarrow.csv.ParseOptions(
                    delimiter="\t" if suffix == ".tsv" else ",", newlines_in_values=True
                ),
                convert_options=pyarrow.csv.ConvertOptions(column_types=types),
            )
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        line = first_bad_line(path, encoding) if suffix in (".csv", ".tsv") else None
        if line is not None:
            raise wrong_encoding(f"The captions in {path}", encoding, line) from error
        first = (str(error).splitlines() or ["unknown"])[0]
        raise InvalidInput(f"The captions in {path} must be readable as {suffix[1:]}. Got: {first}") from error
    raise InvalidInput(f"The captions must be a .csv, .tsv or .parquet file. Got {path} instead.")


def _find_column(path: Path, table: pa.Table, names: tuple[str, ...]) -> str:
    for wanted in names:
        for column in table.column_names:
            if column.strip().lower() == wanted:
                return str(column)
    known = f"{names[0]!r}" + (f" (or {', '.join(map(repr, names[1:]))})" if names[1:] else "")
    raise InvalidInput(f"The captions in {path} must have a column {known}. Got {table.column_names} instead.")


def _strings(path: Path, table: pa.Table, column: str) -> list[str | None]:
    try:
        return list(table.column(column).cast(pa.string()).to_pylist())
    except pa.ArrowException as error:
        raise InvalidInput(f"The column {column!r} of {path} must hold text: {error}.") from error
