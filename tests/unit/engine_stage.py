"""An engine over a real catalogue of two segments, for tests of whole answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from clip_branches.catalogue import Catalogue, read_manifest
from clip_branches.catalogue.manifest import NamedFile
from clip_branches.encoding.quantiser import Quantiser
from clip_branches.engine import BoxIndex, CatalogueEngine
from clip_branches.files import sha256_of
from tests.unit.catalogues import items, writer


class Stage:
    """``codes[i]`` are those of the live item ``ids[i]``; ``engine`` answers about them."""

    def __init__(self, folder: Path, codes: np.ndarray, *, block_size: int = 32, deleted: Sequence[int] = ()) -> None:
        self.ids = np.zeros(0, np.uint64)
        with writer(folder) as target:
            for part in np.array_split(codes, min(2, len(codes))):
                ids = np.random.default_rng(0).permutation(target.new_ids(len(part)))
                index = BoxIndex.build(part, presorted=True, block_size=block_size)
                target.add_segment(items(ids), None, index.save)
                self.ids = np.concatenate([self.ids, ids])
            target.commit()
        path = folder / "catalogues" / "small"
        if deleted:
            delete(path, deleted)
        live = ~np.isin(self.ids, np.array(deleted, np.uint64))
        self.ids, self.codes = self.ids[live], codes[live]
        catalogue = Catalogue.open(path)
        self.quantiser = Quantiser().fit(codes.astype(np.float32) / 100 - 1)
        self.engine = CatalogueEngine.open(catalogue, self.quantiser)

    def rows_of(self, ids: np.ndarray) -> list[int]:
        """Rows of ``codes`` that hold the items, ascending."""
        return np.flatnonzero(np.isin(self.ids, ids)).tolist()


def delete(path: Path, ids: Sequence[int]) -> None:
    """A generation of the catalogue in which the items have tombstones."""
    file = path / "deleted-000002.npy"
    np.save(file, np.array(ids, np.uint64))
    entry = NamedFile(file=file.name, sha256=sha256_of(file), bytes=file.stat().st_size)
    read_manifest(path).model_copy(update={"deleted": entry, "generation": 2}).save(path)


def rows_where(codes: np.ndarray, condition: str) -> list[int]:
    """Rows that a database selects from a table of the codes, ascending."""
    table = pa.table({"row": np.arange(len(codes)), **{f"f{d}": codes[:, d] for d in range(codes.shape[1])}})
    with duckdb.connect() as database:
        database.register("codes", table)
        return [row for (row,) in database.execute(f"SELECT row FROM codes WHERE {condition} ORDER BY row").fetchall()]
