"""A whole catalogue around the benchmark's index: its items say little, its files are those of any other."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from clip_branches.catalogue.manifest import EncoderEntry, FileEntry, Manifest, NamedFile, SegmentEntry
from clip_branches.catalogue.segment import CORE_SCHEMA, IDS, INDEX, ITEMS
from clip_branches.engine import BoxIndex
from clip_branches.files import sha256_of

_ROOT = Path(__file__).resolve().parents[2]
_MODEL = _ROOT / "assets" / "models" / "demo"
_GROUP = 1_000_000


@dataclass(frozen=True)
class Made:
    """What the benchmark needs to know of a catalogue that it made."""

    rows: int
    index: BoxIndex
    all_ids: NDArray[np.uint64]

    def codes(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        return self.index.codes(rows)

    def ids(self, rows: NDArray[np.int64]) -> NDArray[np.uint64]:
        return np.asarray(self.all_ids[rows])


def write_catalogue(folder: Path, rows: int, name: str) -> Made:
    """``folder``/data/catalogues/``name`` over ``folder``/boxes-``rows``.cbx, with the demo model's encoder."""
    path = folder / "data" / "catalogues" / name
    segment = path / "segments" / "g000001-000"
    segment.mkdir(parents=True)
    (segment / INDEX).hardlink_to(folder / f"boxes-{rows}.cbx")
    ids = (np.random.default_rng(0).permutation(rows) + 1).astype(np.uint64)
    np.save(segment / IDS, ids)
    with pq.ParquetWriter(segment / ITEMS, CORE_SCHEMA, compression="zstd") as writer:
        for start in range(0, rows, _GROUP):
            writer.write_table(_items(ids[start : start + _GROUP]))
    encoder = path / "encoder"
    encoder.mkdir()
    named = []
    for file in ("head.json", "head.safetensors", "quantiser.json"):
        shutil.copy(_MODEL / file, encoder / file)
        named.append(NamedFile(file=f"encoder/{file}", **_entry(encoder / file).model_dump()))
    Manifest(
        name=name,
        title="Speed",
        generation=1,
        created="2000-01-01T00:00:00+00:00",
        image_root="../../sources",
        next_id=rows + 1,
        encoder=EncoderEntry(model="demo", fingerprint=None, head=named[:2], quantiser=named[2]),
        segments=[SegmentEntry(id=segment.name, rows=rows, files={f.name: _entry(f) for f in segment.iterdir()})],
    ).save(path)
    return Made(rows, BoxIndex.open(folder / f"boxes-{rows}.cbx", verify=False), np.load(segment / IDS, mmap_mode="r"))


def _items(ids: NDArray[np.uint64]) -> pa.Table:
    def same(value: str) -> pa.Array:
        return pa.repeat(pa.scalar(value), len(ids))

    side = pa.array(np.full(len(ids), 64, np.int32))
    captions = pa.nulls(len(ids), pa.string())
    return pa.Table.from_arrays(
        [pa.array(ids), same("x.png"), captions, side, side, same("0" * 64)], schema=CORE_SCHEMA
    )


def _entry(path: Path) -> FileEntry:
    return FileEntry(sha256=sha256_of(path), bytes=path.stat().st_size)
