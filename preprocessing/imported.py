"""Embeddings that a source brought along: which rows belong to the images that were kept, and the rows themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from clip_branches.errors import InvalidInput
from clip_branches.files import replacing
from preprocessing.checking import Check
from preprocessing.sources.embeddings import open_embeddings
from preprocessing.sources.listing import Listing
from preprocessing.workplace import Workplace

_BLOCK = 8_192


def imported_path(work: Workplace) -> Path:
    """The file that says which embedding is whose; there only when the source brings embeddings."""
    return work.folder / "imported.parquet"


def write_imported(work: Workplace, listing: Listing, checks: Sequence[Check], kept: Sequence[int]) -> None:
    """Note where the embeddings of the ``kept`` rows of ``listing`` are; or that there are none."""
    path = imported_path(work)
    if listing.imported is None:
        path.unlink(missing_ok=True)
        return
    told = [listing.imported[position] for position in kept]
    columns = {
        "sha256": pa.array([checks[position].sha256 for position in kept], pa.string()),
        "file": pa.array([one.file for one in told], pa.string()),
        "row": pa.array([one.row for one in told], pa.int64()),
    }
    with replacing(path) as temporary:
        pq.write_table(pa.table(columns), temporary)


def imported_width(work: Workplace, source: Path) -> int | None:
    """The width of the embeddings that the source in the folder ``source`` brought; None when it brought none."""
    path = imported_path(work)
    if not path.exists():
        return None
    files = pq.read_table(path, columns=["file"]).column("file")
    return int(open_embeddings(source / files[0].as_py()).shape[1])


def check_width(model: str, expected: int, width: int) -> None:
    """Raise InvalidInput unless embeddings of ``width`` can be of ``model``, whose own are ``expected`` wide."""
    if width != expected:
        raise InvalidInput(
            f"The embeddings of the source must be those of the model {model!r}, {expected} wide. Got {width} instead; "
            "name the model that made them with --model."
        )


def imported_blocks(
    work: Workplace, source: Path, wanted: Collection[str]
) -> Iterator[tuple[list[str], npt.NDArray[np.float32]]]:
    """The imported embeddings of the images ``wanted`` (sha256): keys (n,) and unit rows (n, d) float32, by blocks."""
    path = imported_path(work)
    if not path.exists():
        return
    table = pq.read_table(path)
    table = table.filter(pa.array([key in wanted for key in table.column("sha256").to_pylist()], pa.bool_()))
    table = table.sort_by([("file", "ascending"), ("row", "ascending")])
    keys, files, rows = (table.column(name).to_pylist() for name in ("sha256", "file", "row"))
    start = 0
    while start < len(keys):
        end = start
        while end < len(keys) and end - start < _BLOCK and files[end] == files[start]:
            end += 1
        block = np.asarray(open_embeddings(source / files[start])[rows[start:end]], dtype=np.float32)
        yield keys[start:end], block / np.linalg.norm(block, axis=1, keepdims=True)
        start = end
