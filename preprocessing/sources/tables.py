"""CSV, TSV and Parquet files, read piece by piece: memory does not grow with the file."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from clip_branches.errors import InvalidInput
from preprocessing.report import Note
from preprocessing.sources.columns import URLS

_BLOCK_BYTES = 4 * 2**20
_HEAD_BYTES = 2**16
_BATCH_ROWS = 10_000


class TableFile:
    """A table that is read in batches of rows; ``names`` are its columns.

    The kind is told by the suffix: .parquet or .pq; .csv or .tsv, also with something behind it (.tsv000). A text file
    whose first line holds a web address has no header: of its two columns, that one is "url", the other "caption".
    Columns of text files are all strings. Raises InvalidInput for a file that cannot be read.
    """

    def __init__(self, path: Path, *, encoding: str = "utf-8") -> None:
        if not path.is_file():
            raise InvalidInput(f"The table must be a CSV, TSV or Parquet file. Got {path}, which is not there.")
        self.path = path
        self.notes: list[Note] = []
        suffix = path.suffix.lower()
        self._delimiter = "\t" if suffix.startswith(".tsv") else "," if suffix.startswith(".csv") else None
        if self._delimiter is None and suffix not in (".parquet", ".pq"):
            raise InvalidInput(f"The table must be a .csv, .tsv or .parquet file. Got {path} instead.")
        self._encoding = known_encoding(encoding)
        # Arrow reads its own name of UTF-8 without going through Python.
        self._arrow_encoding = "utf8" if self._encoding == "utf-8" else self._encoding
        self._given_names: list[str] | None = None
        try:
            self.names = self._read_names()
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise self._unreadable(error) from error

    def count(self) -> int:
        """Number of rows; a text file is read once for it."""
        if self._delimiter is None:
            with pq.ParquetFile(self.path) as file:
                return int(file.metadata.num_rows)
        return sum(batch.num_rows for batch in self.batches())

    def batches(self) -> Iterator[pa.Table]:
        """The rows, some thousands at a time. Rows with too many or too few fields are left out, and in ``notes``."""
        self.notes = []
        try:
            if self._delimiter is None:
                with pq.ParquetFile(self.path) as file:
                    for batch in file.iter_batches(_BATCH_ROWS):
                        yield pa.Table.from_batches([batch])
            else:
                with pyarrow.csv.open_csv(self.path, **self._csv_options()) as reader:
                    for batch in reader:
                        yield pa.Table.from_batches([batch])
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise self._unreadable(error) from error

    def _csv_options(self) -> dict[str, Any]:
        return {
            "read_options": pyarrow.csv.ReadOptions(
                block_size=_BLOCK_BYTES,
                encoding=self._arrow_encoding,
                column_names=self._given_names,
                use_threads=False,
            ),
            # Captions in files without a header hold quotation marks as they come.
            "parse_options": pyarrow.csv.ParseOptions(
                delimiter=self._delimiter,
                quote_char='"' if self._given_names is None else False,
                newlines_in_values=self._given_names is None,
                invalid_row_handler=self._note_row,
            ),
            "convert_options": pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(self.names, pa.string()), strings_can_be_null=True, null_values=[""]
            ),
        }

    def _note_row(self, row: Any) -> str:
        where = f"row {row.number}" if row.number is not None else "a row"
        detail = f"it has {row.actual_columns} fields, the table has {row.expected_columns}: {row.text[:80]!r}"
        self.notes.append(Note(f"{self.path.name}: {where}", "broken row", detail))
        return "skip"

    def _read_names(self) -> list[str]:
        if self._delimiter is None:
            with pq.ParquetFile(self.path) as file:
                return [str(name) for name in file.schema_arrow.names]
        with self.path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        # The head may end inside a character.
        text = codecs.getincrementaldecoder(self._encoding)().decode(head)
        fields = (text.splitlines() or [""])[0].split(self._delimiter)
        holds_url = [is_address(field) for field in fields]
        if any(holds_url):
            if len(fields) != 2:
                raise InvalidInput(
                    f"The table {self.path} must have a header line that names its columns ({URLS[0]!r}, ...); "
                    f"only one of two columns may do without. Got {len(fields)} columns."
                )
            self._given_names = ["url", "caption"] if holds_url[0] else ["caption", "url"]
            return self._given_names
        self.names = []
        with pyarrow.csv.open_csv(self.path, **self._csv_options()) as reader:
            return [str(name) for name in reader.schema.names]

    def _unreadable(self, error: Exception) -> InvalidInput:
        line = None if self._delimiter is None else first_bad_line(self.path, self._encoding)
        if line is not None:
            return wrong_encoding(f"The table {self.path}", self._encoding, line)
        first = (str(error).splitlines() or ["unknown"])[0]
        return InvalidInput(f"The table {self.path} must be readable as its suffix says. Got: {first}")


def is_address(text: str) -> bool:
    """True for text that starts like a web address, quoted or not."""
    return text.strip().strip('"').lower().startswith(("http://", "https://"))


def wrong_encoding(what: str, encoding: str, line: int) -> InvalidInput:
    """The error for a file, ``what``, whose ``line`` is not text in ``encoding``."""
    return InvalidInput(
        f"{what} must be text in {encoding}. Line {line} is not; save the file as UTF-8, or name its encoding with "
        "--encoding, such as latin-1."
    )


def known_encoding(encoding: str) -> str:
    """Python's name of ``encoding``; InvalidInput when it has none."""
    try:
        return codecs.lookup(encoding).name
    except LookupError as error:
        raise InvalidInput(f"The encoding must be one that Python knows (utf-8, latin-1). Got {encoding!r}.") from error


def first_bad_line(path: Path, encoding: str) -> int | None:
    """The first line of the text file ``path`` that is not in ``encoding``, counted from 1; None when all are."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError:
                return number
    return None
