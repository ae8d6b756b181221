"""Embeddings that a source brought along: which rows belong to the images that were kept, and the rows themselves."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from clip_branches.errors import InvalidInput
from clip_branches.files import replacing
from preprocessing.checking import Check
from preprocessing.shards import Shards
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


def declared_width(model_folder: Path) -> int | None:
    """The width of a local model's embeddings as its config declares it; None when it does not."""
    try:
        width = json.loads((model_folder / "open_clip_config.json").read_text(encoding="utf-8"))["model_cfg"][
            "embed_dim"
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return int(width) if isinstance(width, int) else None


def take_over_embeddings(
    work: Workplace, source: Path, shards: Shards, missing: Sequence[str], model: str, width: int
) -> list[str]:
    """Add what the source brought for the images ``missing`` (sha256) to ``shards``; the images still missing.

    Raises InvalidInput when the embeddings are not ``width`` wide, as those of ``model`` are.
    """
    path = imported_path(work)
    if not path.exists():
        return list(missing)
    first = pq.read_table(path, columns=["file"]).column("file")[0].as_py()
    brought = open_embeddings(source / first).shape[1]
    if brought != width:
        raise InvalidInput(
            f"The embeddings in {source} must be those of the model {model!r}, {width} wide. Got {brought} instead; "
            "name the model that made them with --model."
        )
    taken: set[str] = set()
    for keys, rows in imported_blocks(work, source, set(missing)):
        shards.add(keys, rows, {}, 0.0)
        taken.update(keys)
    return [image for image in missing if image not in taken]


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
