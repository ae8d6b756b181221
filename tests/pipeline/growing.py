"""A catalogue whose source grew, to be added to by a process that is killed at every step (see tests/killed.py)."""

from __future__ import annotations

import os
from pathlib import Path

from clip_branches.catalogue import Catalogue
from preprocessing.growing.verify import verify_catalogue
from tests.pipeline.support import Preprocessing, everything, write_images

PRELOAD = (
    "pyarrow.parquet",
    "torch",
    "clip_branches.encoding",
    "preprocessing.growing.add",
    "preprocessing.growing.commands",
    "preprocessing.growing.verify",
)
WITHIN = "data/catalogues"


def at(folder: Path) -> Preprocessing:
    return Preprocessing(Path(os.environ["MODELS_DIR"]), folder / "data")


def prepare(folder: Path) -> None:
    """40 images in the catalogue, 3 of them deleted; 6 more in the source, embedded and not yet added; one moved."""
    # Below the data folder, which is copied: paths in it are kept relative to it.
    source = folder.parent / "source"
    write_images(source, 40)
    run = at(folder)
    run.build(source, "--workers", 1, "--threads", 1)
    run("delete", "photos", "--id", 3, "--id", 7, "--id", 11)
    write_images(source, 6, seed=50, suffix=".jpg")
    (source / "0005.png").rename(source / "moved.png")
    run("filter", source, "--name", "photos", "--workers", 1)
    run("embed", "--name", "photos", "--model", "tiny", "--workers", 1, "--threads", 1)


def work(folder: Path) -> None:
    at(folder)("add", "photos", "--workers", 1, "--threads", 1)


def check(folder: Path, finished: bool) -> None:
    """The generation before or the one after, whole, and everything that it holds."""
    path = folder / "data" / "catalogues" / "photos"
    catalogue = Catalogue.open(path)
    sources = {item["source"] for item in everything(catalogue)}
    assert catalogue.generation in ((3,) if finished else (2, 3))
    assert len(sources) == catalogue.size == (37 if catalogue.generation == 2 else 43)
    assert ("moved.png" in sources) == (catalogue.generation == 3)
    verified = verify_catalogue(path)
    assert not verified.problems, verified.problems
    if finished:
        assert not verified.notes, verified.notes
