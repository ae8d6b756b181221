"""Which kind of source a path is, told by the names in it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from clip_branches.errors import InvalidInput
from preprocessing.sources.huggingface import image_column_of, parquet_files
from preprocessing.sources.img2dataset import SHARD
from preprocessing.sources.options import Kind
from preprocessing.sources.unsplash import find_tables

_TABLES = (".csv", ".tsv", ".parquet", ".pq")


def detect_kind(path: Path) -> Kind:
    """The kind of the source at ``path``; "folder" for a folder that shows no sign of another.

    Raises InvalidInput when there is nothing there, or a file that is no table.
    """
    if path.is_file():
        if path.suffix.lower().startswith(_TABLES):
            return "urls"
        raise InvalidInput(f"The source must be a folder, or a .csv, .tsv or .parquet file of addresses. Got {path}.")
    if not path.is_dir():
        raise InvalidInput(
            f"The source must be a folder of images, or a table of web addresses. Got {path}, which is not there."
        )
    if (path / "features.npy").is_file() or any((path / "img_emb").glob("*.npy")):
        return "embeddings"
    if find_tables(path, "photos"):
        return "unsplash"
    if (path / "cifar-10-batches-py").is_dir():
        return "cifar10"
    if _has_shards(path):
        return "img2dataset"
    if any(_holds_images(file) for file in parquet_files(path)[:1]):
        return "huggingface"
    return "folder"


def _has_shards(folder: Path) -> bool:
    for entry in folder.iterdir():
        if entry.suffix == ".tar" and entry.is_file():
            return True
        if SHARD.fullmatch(entry.name) and entry.is_dir() and (folder / f"{entry.name}_stats.json").is_file():
            return True
    return False


def _holds_images(path: Path) -> bool:
    try:
        return image_column_of(pq.read_schema(path)) is not None
    except (pa.ArrowException, OSError):
        return False
