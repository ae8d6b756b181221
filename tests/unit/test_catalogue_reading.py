"""Opening a catalogue and finding its items."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clip_branches.catalogue import Catalogue, is_url, list_catalogues, resolve_source
from clip_branches.catalogue.lookup import IdLookup, as_ids
from clip_branches.errors import InvalidInput, UnknownCatalogue, UnknownItem
from tests.unit.catalogues import INDEX_BYTES, items, make, write_index, writer


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return make(tmp_path)


def test_a_committed_catalogue_says_what_it_is(tmp_path: Path, catalogue: Catalogue) -> None:
    assert (catalogue.name, catalogue.title, catalogue.generation, catalogue.size) == ("small", "Small", 1, 12)
    assert catalogue.image_root == (tmp_path / "sources" / "small").resolve()
    assert catalogue.has_captions
    assert catalogue.deleted.dtype == np.uint64
    assert len(catalogue.deleted) == 0
    assert catalogue.encoder.model == "tiny"
    assert catalogue.encoder.head_path is not None
    assert (catalogue.encoder.head_path / "head.json").read_text() == "content of head.json"
    assert catalogue.encoder.quantiser_path.read_text() == "content of quantiser.json"
    assert list_catalogues(tmp_path / "catalogues") == ["small"]


def test_segments_are_mapped_and_row_aligned(catalogue: Catalogue) -> None:
    assert [segment.rows for segment in catalogue.segments] == [7, 5]
    for segment in catalogue.segments:
        assert isinstance(segment.ids, np.memmap)
        assert isinstance(segment.embeddings, np.memmap)
        assert segment.embeddings.dtype == np.float16
        assert segment.embeddings.shape == (segment.rows, 8)
        assert segment.table(["id"]).column("id").to_pylist() == segment.ids.tolist()
        assert segment.index_path.read_bytes() == INDEX_BYTES
        assert segment.metadata_columns == ("kind",)
    with pytest.raises(InvalidInput, match="colour"):
        catalogue.segments[0].table(["colour"])


def test_items_come_in_the_order_asked_for_and_the_missing_are_named(catalogue: Catalogue) -> None:
    found, missing = catalogue.items([12, 99, 1, 12, -3, 6])
    assert [item["id"] for item in found] == [12, 1, 12, 6]
    assert missing == [99, -3]
    assert found[1] == {
        "id": 1,
        "source": "images/0001.jpg",
        "caption": "caption of 1",
        "width": 64,
        "height": 48,
        "sha256": found[1]["sha256"],
        "metadata": {"kind": "kind 1"},
    }
    assert found[0]["caption"] is None
    assert catalogue.items([]) == ([], [])
    assert catalogue.items(np.array([3], dtype=np.int32))[0][0]["id"] == 3


def test_locate_names_the_unknown_ids(catalogue: Catalogue) -> None:
    numbers, rows = catalogue.locate([12, 1])
    assert (numbers.dtype, rows.dtype) == (np.int64, np.int64)
    assert [catalogue.segments[n].ids[r] for n, r in zip(numbers, rows, strict=True)] == [12, 1]
    with pytest.raises(UnknownItem, match=r"'small'.*Got 0, 77 instead"):
        catalogue.locate([3, 0, 77])
    with pytest.raises(UnknownItem, match="and 90 more"):
        catalogue.locate(list(range(100, 200)))
    assert catalogue.contains([0, 1, 12, 13]).tolist() == [False, True, True, False]


@pytest.mark.parametrize("ids", [[1.5], ["1"], [True], np.array([1.0]), np.array([[1]])])
def test_ids_must_be_integers(catalogue: Catalogue, ids: list[int]) -> None:
    with pytest.raises(InvalidInput, match="ids"):
        catalogue.items(ids)


def test_values_that_json_lacks_are_none(tmp_path: Path) -> None:
    with writer(tmp_path) as target:
        ids = target.new_ids(3)
        extra = {
            "share": [0.5, math.nan, -math.inf],
            "count": pa.array([1, None, 3], pa.int64()),
            "flag": [True, None, False],
        }
        target.add_segment(items(ids, **extra), None, write_index)
        target.commit()
    catalogue = Catalogue.open(tmp_path / "catalogues" / "small")
    found, _ = catalogue.items(ids)
    assert [item["metadata"] for item in found] == [
        {"share": 0.5, "count": 1, "flag": True},
        {"share": None, "count": None, "flag": None},
        {"share": None, "count": 3, "flag": False},
    ]
    json.dumps(found, allow_nan=False)
    assert catalogue.segments[0].embeddings is None


def test_a_catalogue_without_captions_says_so(tmp_path: Path) -> None:
    with writer(tmp_path) as target:
        table = items(target.new_ids(2)).set_column(2, "caption", pa.array([None, None], pa.string()))
        target.add_segment(table, None, write_index)
        target.commit()
    assert not Catalogue.open(tmp_path / "catalogues" / "small").has_captions


def test_an_unknown_catalogue_names_the_known_ones(tmp_path: Path) -> None:
    make(tmp_path, name="photos")
    (tmp_path / "catalogues" / "half-written" / "segments").mkdir(parents=True)
    with pytest.raises(UnknownCatalogue, match="photos"):
        Catalogue.open(tmp_path / "catalogues" / "photo")
    assert list_catalogues(tmp_path / "catalogues") == ["photos"]
    assert list_catalogues(tmp_path / "nowhere") == []


@given(
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=4),
    asked=st.lists(st.integers(-5, 2**64 + 5), max_size=30),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=200, deadline=None)
def test_lookup_agrees_with_a_dictionary(lengths: list[int], asked: list[int], seed: int) -> None:
    generator = np.random.default_rng(seed)
    pool = generator.choice(200, size=sum(lengths), replace=False).astype(np.uint64)
    parts = np.split(pool, np.cumsum(lengths)[:-1])
    slow = {int(identifier): row for row, identifier in enumerate(pool)}
    asked = [*asked, *pool[:5].tolist(), *range(0, 200, 37)]
    wanted, known = as_ids(asked)
    rows, found = IdLookup(parts).find(wanted)
    assert (found & known).tolist() == [identifier in slow for identifier in asked]
    assert [int(row) for row, ok in zip(rows, found & known, strict=True) if ok] == [
        slow[identifier] for identifier in asked if identifier in slow
    ]


@pytest.mark.parametrize("source", ["../secret.jpg", "/etc/passwd", "a/../../b.jpg", "", "a\0b", "http://host/a.jpg"])
def test_sources_stay_inside_the_image_root(tmp_path: Path, source: str) -> None:
    with pytest.raises(InvalidInput, match="source"):
        resolve_source(tmp_path, source)


def test_links_out_of_the_image_root_are_refused(tmp_path: Path, catalogue: Catalogue) -> None:
    (tmp_path / "secret.jpg").write_text("secret")
    (catalogue.image_root / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (catalogue.image_root / "real.jpg").write_text("fine")
    with pytest.raises(InvalidInput, match=r"link\.jpg"):
        catalogue.image_path("link.jpg")
    assert catalogue.image_path("real.jpg").read_text() == "fine"
    assert is_url("https://host/a.jpg")
    assert not is_url("httpsx/a.jpg")


def test_the_data_folder_can_be_moved(tmp_path: Path) -> None:
    make(tmp_path / "before")
    (tmp_path / "before").rename(tmp_path / "after")
    moved = Catalogue.open(tmp_path / "after" / "catalogues" / "small")
    assert moved.image_root == (tmp_path / "after" / "sources" / "small").resolve()


def test_reading_needs_no_heavy_library() -> None:
    code = (
        "import sys, clip_branches.catalogue, clip_branches.images;"
        "print([m for m in ('torch', 'numba', 'flask', 'open_clip', 'pandas') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
