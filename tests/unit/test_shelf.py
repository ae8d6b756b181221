"""The catalogues that a service has open: new generations, damaged ones, and what requests hold meanwhile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clip_branches.catalogue import Catalogue, CatalogueChange
from clip_branches.errors import DamagedFile, UnknownCatalogue
from clip_branches.service.shelf import Shelf
from tests.unit.catalogues import items, make, write_index


def open_one(name: str, path: Path, before: Catalogue | None) -> Catalogue:
    return Catalogue.open(path, like=before)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf[Catalogue]:
    make(tmp_path)
    shelf: Shelf[Catalogue] = Shelf(tmp_path / "catalogues", open_one, interval_s=3_600)
    shelf.look()
    return shelf


def grow(path: Path) -> Path:
    """Add two items; the folder of the new segment."""
    with CatalogueChange(path) as change:
        change.add_segment(items(change.new_ids(2)), np.ones((2, 8), np.float16), write_index)
        entry = change.commit().segments[-1]
    return path / "segments" / entry.id


def test_a_new_generation_takes_over_what_it_shares(shelf: Shelf[Catalogue]) -> None:
    first = shelf.get("small")
    grow(first.path)
    assert shelf.get("small") is first
    shelf.look()
    second = shelf.get("small")
    assert (first.generation, second.generation, second.size) == (1, 2, 14)
    assert second.segments[:2] == first.segments
    shelf.look()
    assert shelf.get("small") is second


def test_a_request_that_misses_something_looks_for_itself(shelf: Shelf[Catalogue]) -> None:
    first = shelf.get("small")
    assert shelf.latest("small") is first
    grow(first.path)
    assert shelf.latest("small").contains([13])[0]
    with pytest.raises(UnknownCatalogue, match="must be one of: small"):
        shelf.latest("other")


def test_a_damaged_generation_leaves_the_one_before_in_service(shelf: Shelf[Catalogue]) -> None:
    first = shelf.get("small")
    file = grow(first.path) / "ids.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    shelf.look()
    assert shelf.get("small") is first
    assert shelf.problems() == []
    assert shelf.unavailable() == {}
    content[-1] ^= 1
    file.write_bytes(content)
    grow(first.path)
    shelf.look()
    assert shelf.get("small").generation == 3


def test_one_that_was_never_whole_says_why(tmp_path: Path) -> None:
    (make(tmp_path).path / "manifest.json").write_text("{}")
    shelf: Shelf[Catalogue] = Shelf(tmp_path / "catalogues", open_one, interval_s=3_600)
    shelf.look()
    with pytest.raises(DamagedFile, match=r"manifest\.json"):
        shelf.get("small")
    assert "small" in shelf.unavailable()
