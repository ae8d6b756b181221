"""Changes of a small catalogue, each to be killed at every step (see tests/killed.py)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from clip_branches.catalogue import Catalogue, CatalogueChange
from preprocessing.growing.verify import verify_catalogue
from tests.unit.catalogues import items, make, write_index

PRELOAD = ("pyarrow.parquet", "preprocessing.growing.verify")
WITHIN = ""


def catalogue(folder: Path) -> Path:
    return folder / "data" / "catalogues" / "small"


def prepare(folder: Path) -> None:
    """Ids 1 to 12 in two segments, 3 of them deleted, one amended: a catalogue that changed before."""
    make(folder / "data")
    with CatalogueChange(catalogue(folder)) as change:
        change.delete([2, 3, 9])
        row = items([5]).set_column(2, "caption", pa.array(["amended once"]))
        change.amend(row)
        change.commit()


def work(folder: Path) -> None:
    """Everything at once: add, delete, amend and merge; repeated, it finds that it is done."""
    with CatalogueChange(catalogue(folder)) as change:
        if change.generation > 3:
            return
        first = change.catalogue.segments[0]
        live = ~np.isin(first.ids, change.catalogue.deleted)
        change.replace([first.id])
        change.add_segment(first.table().filter(pa.array(live)), np.ones((int(live.sum()), 8), np.float16), write_index)
        change.add_segment(items(change.new_ids(4)), np.ones((4, 8), np.float16), write_index)
        change.delete([12], on_purpose=False)
        change.amend(items([11]).set_column(2, "caption", pa.array(["amended twice"])))
        change.commit(recipe_text="made = 'again'\n")


def check(folder: Path, finished: bool) -> None:
    """The generation before or the one after, whole; never anything else."""
    path = catalogue(folder)
    now = Catalogue.open(path)
    found, missing = now.items(list(range(1, 20)))
    ids = {item["id"]: item["caption"] for item in found}
    old, new = {1, 4, 5, 6, 7, 8, 10, 11, 12}, {1, 4, 5, 6, 7, 8, 10, 11, 13, 14, 15, 16}
    assert now.generation in ((3,) if finished else (2, 3))
    assert set(ids) == (old if now.generation == 2 else new)
    assert ids[5] == "amended once"
    assert ids[11] == ("caption of 11" if now.generation == 2 else "amended twice")
    assert sorted([*ids, *missing]) == list(range(1, 20))
    verified = verify_catalogue(path, index=False)
    assert not verified.problems, verified.problems
    if finished:
        assert not verified.notes, verified.notes
        assert not list(path.rglob(".tmp-*"))
