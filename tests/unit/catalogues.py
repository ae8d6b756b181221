"""Small real catalogues for the tests of the catalogue package."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from clip_branches.catalogue import Catalogue, CatalogueWriter, EncoderSpec

INDEX_BYTES = b"the box index, of which the catalogue only knows the checksum"


def items(ids: Any, **metadata: Any) -> pa.Table:
    """Items with the given ids; every third has no caption."""
    ids = np.asarray(ids, dtype=np.uint64)
    return pa.table(
        {
            "id": ids,
            "source": [f"images/{i:04d}.jpg" for i in ids],
            "caption": [None if i % 3 == 0 else f"caption of {i}" for i in ids.tolist()],
            "width": np.full(len(ids), 64),
            "height": np.full(len(ids), 48),
            "sha256": [hashlib.sha256(str(i).encode()).hexdigest() for i in ids],
            **metadata,
        }
    )


def encoder_files(folder: Path) -> EncoderSpec:
    """An encoder with a head and a quantiser, as files whose content does not matter here."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("head.json", "head.safetensors", "quantiser.json"):
        (folder / name).write_text(f"content of {name}")
    return EncoderSpec("tiny", folder / "quantiser.json", head_path=folder, fingerprint="f" * 32)


def writer(data_dir: Path, name: str = "small", **changes: Any) -> CatalogueWriter:
    source = data_dir / "sources" / name
    source.mkdir(parents=True, exist_ok=True)
    values = {"title": "Small", "image_root": source, "encoder": encoder_files(data_dir / "encoder"), **changes}
    return CatalogueWriter(data_dir / "catalogues" / name, name=name, **values)


def write_index(path: Path) -> None:
    path.write_bytes(INDEX_BYTES)


def make(data_dir: Path, *, rows: tuple[int, ...] = (7, 5), name: str = "small") -> Catalogue:
    """Commit a generation with one segment a number of ``rows``, ids shuffled within each, and open it."""
    generator = np.random.default_rng(0)
    with writer(data_dir, name) as target:
        for count in rows:
            ids = generator.permutation(target.new_ids(count))
            embeddings = generator.normal(size=(count, 8)).astype(np.float32)
            target.add_segment(items(ids, kind=[f"kind {i % 2}" for i in ids]), embeddings, write_index)
        target.commit()
    return Catalogue.open(data_dir / "catalogues" / name)
