"""The one form that every source gives: a row an image, with its own id, where its bytes are, caption and metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Self

import pyarrow as pa

from preprocessing.report import Note


class ImageFile(NamedTuple):
    """An image as the listing found it; size and time tell whether an earlier check still holds.

    ``source`` is what ``read_source`` reads. For an image inside a Parquet file, size and time are that file's.
    """

    source: str
    size: int
    mtime_ns: int


class Imported(NamedTuple):
    """An image whose embedding was made elsewhere: row ``row`` of the .npy file ``file``.

    ``sha256``, ``width`` and ``height`` stand for an image that is not at hand; empty and 0 where it is and is checked.
    """

    file: str
    row: int
    sha256: str
    width: int
    height: int


@dataclass(frozen=True)
class Listing:
    """What a source holds. ``ids``, ``files``, ``captions`` and the rows of ``metadata`` belong together, in order.

    ``root`` is the folder that sources are below. ``dropped`` cannot be taken, ``warnings`` are odd.
    ``imported`` is there when the source brings embeddings, one an image.
    """

    root: Path
    files: list[ImageFile]
    ids: list[str]
    captions: list[str | None]
    metadata: pa.Table
    dropped: list[Note] = field(default_factory=list)
    warnings: list[Note] = field(default_factory=list)
    imported: list[Imported] | None = None

    def first(self, count: int | None) -> Self:
        """The first ``count`` rows; all of them for None."""
        if count is None:
            return self
        return replace(
            self,
            files=self.files[:count],
            ids=self.ids[:count],
            captions=self.captions[:count],
            metadata=self.metadata.slice(0, count),
            imported=None if self.imported is None else self.imported[:count],
        )

    def columns(self, positions: Sequence[int]) -> pa.Table:
        """Metadata of the rows at ``positions``; with a column "key" where the source has ids beside its paths."""
        taken = pa.array(positions, pa.int64())
        columns = {name: self.metadata.column(name).take(taken) for name in self.metadata.column_names}
        if "key" not in columns and any(key != file.source for key, file in zip(self.ids, self.files, strict=True)):
            columns = {"key": pa.array([self.ids[position] for position in positions], pa.string()), **columns}
        return pa.table(columns)
