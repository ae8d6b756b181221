"""The columns of a catalogue, ready to be counted: what each image has of a column, as a small number."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from clip_branches.catalogue import Catalogue
from clip_branches.errors import InvalidInput

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]
_SIZES = ("width", "height")
_FEW = 30  # a column of numbers with more different ones is asked by ranges


@dataclass(frozen=True)
class Column:
    """One column over all rows of a catalogue. ``codes`` int32 (rows,): place in ``values``, -1 for none; or else
    ``numbers`` float64 (rows,), NaN for none."""

    name: str
    values: tuple[str, ...] = ()
    codes: npt.NDArray[np.int32] | None = None
    numbers: npt.NDArray[np.float64] | None = None

    def having(self, wanted: Sequence[str], rows: Rows) -> Mask:
        """Which of ``rows`` have one of the wanted values; InvalidInput for a range that is none."""
        if self.codes is not None:
            places = [place for place, value in enumerate(self.values) if value in set(wanted)]
            return np.isin(self.codes[rows], [*places, *([-1] if "" in wanted else [])])
        numbers = np.empty(0) if self.numbers is None else self.numbers[rows]
        mask = np.zeros(len(rows), bool)
        for value in wanted:
            if value == "":
                mask |= np.isnan(numbers)
            else:
                low, high = self._range(value)
                mask |= (numbers >= low) & (numbers <= high)
        return mask

    def count(self, rows: Rows) -> list[tuple[str, int]]:
        """(value, images among ``rows``) of every value that occurs, most frequent first."""
        if self.codes is None:
            return []
        counts = np.bincount(self.codes[rows] + 1, minlength=len(self.values) + 1)
        names = ("", *self.values)
        order = np.argsort(-counts, kind="stable")
        return [(names[place], int(counts[place])) for place in order.tolist() if counts[place]]

    def _range(self, value: str) -> tuple[float, float]:
        low, dots, high = value.partition("..")
        try:
            ends = (float(low) if low else -np.inf, float(high if dots else low) if (high or not dots) else np.inf)
        except ValueError:
            ends = (np.nan, np.nan)
        if not ends[0] <= ends[1]:
            raise InvalidInput(
                f"A condition on {self.name!r} must be a number or a range such as '{self.name}:100..300'. "
                f"Got {value[:80]!r} instead.",
                field="where",
            )
        return ends


class Columns:
    """All columns of one generation of a catalogue, each read when it is first asked for."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._starts = np.cumsum([0, *(segment.rows for segment in catalogue.segments)])[:-1]
        further = dict.fromkeys(name for segment in catalogue.segments for name in segment.metadata_columns)
        self.names = (*further, *_SIZES)
        self._read: dict[str, Column] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> Column:
        """The column; InvalidInput naming the known ones when there is none."""
        if name not in self.names:
            known = ", ".join(self.names)
            raise InvalidInput(
                f"A condition must be 'column:value' on one of the columns {known}. Got {name[:80]!r} instead.",
                field="where",
            )
        with self._lock:
            if name not in self._read:
                self._read[name] = self._column(name)
            return self._read[name]

    def rows_of(self, ids: npt.NDArray[np.uint64]) -> Rows:
        """Rows of the catalogue, counted through its segments."""
        numbers, rows = self._catalogue.locate(ids)
        found: Rows = self._starts[numbers] + rows
        return found

    def ids_of(self, rows: Rows) -> npt.NDArray[np.uint64]:
        """Ids of the images in some rows."""
        ids: npt.NDArray[np.uint64] = np.concatenate([segment.ids for segment in self._catalogue.segments])[rows]
        return ids

    def everything(self) -> Rows:
        """Rows of all images that are not deleted, ascending."""
        ids = np.concatenate([segment.ids for segment in self._catalogue.segments])
        return np.flatnonzero(self._catalogue.contains(ids)).astype(np.int64)

    def _column(self, name: str) -> Column:
        parts = [
            segment.table([name]).column(name) if name in (*segment.metadata_columns, *_SIZES) else None
            for segment in self._catalogue.segments
        ]
        kind = next(part.type for part in parts if part is not None)
        if pa.types.is_boolean(kind) or pa.types.is_string(kind):
            return self._of_values(name, parts)
        column = _of_numbers(parts, self._catalogue)
        distinct = np.unique(column[~np.isnan(column)])
        if len(distinct) > _FEW or name in _SIZES:
            return Column(name, numbers=column)
        codes = np.searchsorted(distinct, column).astype(np.int32)
        codes[np.isnan(column)] = -1
        return Column(name, tuple(_written(number) for number in distinct.tolist()), codes)

    def _of_values(self, name: str, parts: Sequence[pa.ChunkedArray | None]) -> Column:
        kind = pa.string()
        chunks = []
        for segment, part in zip(self._catalogue.segments, parts, strict=True):
            column = pa.chunked_array([pa.nulls(segment.rows, kind)]) if part is None else part.cast(kind)
            chunks.extend(column.chunks)
        encoded = pc.dictionary_encode(pa.chunked_array(chunks, kind)).combine_chunks()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.chunk(0)
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
        values = tuple(value.strip() for value in encoded.dictionary.to_pylist())
        empty = [place for place, value in enumerate(values) if not value]  # an empty text is no value
        codes[np.isin(codes, empty)] = -1
        return Column(name, values, codes)


def _of_numbers(parts: Sequence[pa.ChunkedArray | None], catalogue: Catalogue) -> npt.NDArray[np.float64]:
    return np.concatenate(
        [
            np.full(segment.rows, np.nan)
            if part is None
            else part.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy().astype(np.float64)
            for segment, part in zip(catalogue.segments, parts, strict=True)
        ]
    )


def _written(number: float) -> str:
    return str(int(number)) if number.is_integer() else repr(number)
