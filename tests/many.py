"""A catalogue of very many images, made in seconds: random codes over one picture that all of them share."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from clip_branches.catalogue import Catalogue, CatalogueWriter
from clip_branches.engine import BoxIndex, index_order


def build_many(data_dir: Path, encoder_of: Path, *, name: str = "many", count: int = 100_000) -> None:
    """A catalogue ``name`` of ``count`` images, with the encoder of the catalogue in the folder ``encoder_of``."""
    source = data_dir / "sources" / name
    source.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 64), (150, 160, 170)).save(source / "same.png")
    digest = hashlib.sha256((source / "same.png").read_bytes()).hexdigest()

    codes = np.random.default_rng(0).integers(0, 256, (count, 32), dtype=np.uint8)
    codes = codes[index_order(codes)]
    folder, encoder = data_dir / "catalogues" / name, Catalogue.open(encoder_of).encoder
    with CatalogueWriter(folder, name=name, title="Very many", image_root=source, encoder=encoder) as writer:
        ids = writer.new_ids(count)
        table = pa.table(
            {
                "id": ids,
                "source": ["same.png"] * count,
                "caption": [f"picture {number}" for number in ids.tolist()],
                "width": np.full(count, 64),
                "height": np.full(count, 64),
                "sha256": [digest] * count,
                # The first few hundred are said to be near duplicates, three and three.
                "alike": [f"group {number // 3}" if number < 300 else None for number in range(count)],
            }
        )
        writer.add_segment(table, None, BoxIndex.build(codes, presorted=True).save)
        writer.commit()
