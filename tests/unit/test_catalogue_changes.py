"""Changing a catalogue: what is added, deleted, amended and merged, and what stays."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from clip_branches.catalogue import Catalogue, CatalogueChange, read_manifest
from clip_branches.catalogue.history import earlier_manifests
from clip_branches.errors import DamagedFile, InvalidInput, StorageError, UnknownCatalogue, UnknownItem
from tests.unit.catalogues import items, make, write_index


def grow(path: Path, count: int = 3) -> Catalogue:
    with CatalogueChange(path) as change:
        change.add_segment(items(change.new_ids(count)), np.ones((count, 8), np.float16), write_index)
        change.commit()
    return Catalogue.open(path)


def delete(path: Path, *ids: int) -> Catalogue:
    with CatalogueChange(path) as change:
        change.delete(list(ids))
        change.commit()
    return Catalogue.open(path)


def live(catalogue: Catalogue) -> list[int]:
    return sorted(item["id"] for item in catalogue.items(list(range(1, 200)))[0])


def test_adding_writes_what_is_new_and_touches_nothing_else(tmp_path: Path) -> None:
    before = make(tmp_path)
    stamps = {path: path.stat().st_mtime_ns for path in (before.path / "segments").rglob("*") if path.is_file()}
    after = grow(before.path)
    assert (after.generation, after.size, live(after)) == (2, 15, list(range(1, 16)))
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert [segment.id for segment in after.segments] == ["g000001-000", "g000001-001", "g000002-000"]
    assert after.encoder == before.encoder
    assert before.size == 12


def test_deleting_is_a_tombstone_and_an_id_never_comes_back(tmp_path: Path) -> None:
    before = make(tmp_path)
    after = delete(before.path, 3, 12)
    assert after.size == 10
    assert after.items([3, 4, 12])[1] == [3, 12]
    assert after.contains([3, 4]).tolist() == [False, True]
    with pytest.raises(UnknownItem):
        after.locate([3])
    assert delete(after.path, 3).generation == 2  # deleted already: nothing to commit
    later = grow(after.path, 2)
    assert live(later) == [1, 2, *range(4, 12), 13, 14]
    with CatalogueChange(later.path) as change:
        old = next(iter(later.segments))
        change.replace([old.id])
        change.add_segment(old.table().filter(pa.array(~np.isin(old.ids, later.deleted))), None, write_index)
        change.commit()
    assert grow(later.path, 1).items([15])[1] == []
    assert read_manifest(later.path).next_id == 16


def test_ids_that_were_never_given_are_named_and_nothing_is_deleted(tmp_path: Path) -> None:
    path = make(tmp_path).path
    with CatalogueChange(path) as change, pytest.raises(UnknownItem, match="Got 13, 99 instead; nothing was deleted"):
        change.delete([1, 13, 99])
    assert Catalogue.open(path).size == 12


def test_a_catalogue_keeps_at_least_one_item(tmp_path: Path) -> None:
    path = make(tmp_path).path
    with CatalogueChange(path) as change:
        change.delete(list(range(1, 13)))
        with pytest.raises(InvalidInput, match="must keep at least one image"):
            change.commit()
    assert Catalogue.open(path).size == 12


def test_a_segment_of_deleted_rows_alone_is_left_out(tmp_path: Path) -> None:
    catalogue = make(tmp_path, rows=(3, 4))
    after = delete(catalogue.path, 1, 2, 3)
    assert [segment.rows for segment in after.segments] == [4]
    assert after.deleted.tolist() == []
    assert live(after) == [4, 5, 6, 7]


def test_what_was_deleted_on_purpose_is_remembered_through_compaction_and_rebuilding(tmp_path: Path) -> None:
    catalogue = make(tmp_path)
    digest = catalogue.items([3])[0][0]["sha256"]
    delete(catalogue.path, 3)
    make(tmp_path)
    with CatalogueChange(catalogue.path) as change:
        assert change.removed == {digest}
        change.delete([13], on_purpose=False)
        change.allow_again([digest])
        change.commit()
    with CatalogueChange(catalogue.path) as change:
        assert change.removed == frozenset()


def test_amended_rows_stand_in_place_of_the_old(tmp_path: Path) -> None:
    path = make(tmp_path).path
    row = items([4], kind=["new"]).append_column("place", pa.array(["here"]))
    for caption in ("first", "second"):
        with CatalogueChange(path) as change:
            change.amend(row.set_column(2, "caption", pa.array([caption])))
            change.commit()
    catalogue = Catalogue.open(path)
    assert (catalogue.generation, catalogue.size) == (3, 12)
    by_id = {item["id"]: item for item in catalogue.items(list(range(1, 13)))[0]}
    assert by_id[4]["caption"] == "second"
    assert by_id[4]["metadata"] == {"kind": "new", "place": "here"}
    assert by_id[5]["caption"] == "caption of 5"
    together = pa.concat_tables([part.table(["id", "caption"]) for part in catalogue.segments]).to_pylist()
    assert {one["id"]: one["caption"] for one in together}[4] == "second"
    with CatalogueChange(path) as change:
        change.amend(row.set_column(2, "caption", pa.array(["second"])))
        assert change.commit().generation == 3  # the same again changes nothing
    after = delete(path, 4)
    assert (after.items([4])[1], after.manifest.amended is not None) == ([4], True)
    with CatalogueChange(path) as change, pytest.raises(UnknownItem):
        change.amend(row)


def test_captions_may_come_later(tmp_path: Path) -> None:
    catalogue = make(tmp_path, rows=(3,))
    bare = items([1, 2, 3]).set_column(2, "caption", pa.nulls(3, pa.string()))
    with CatalogueChange(catalogue.path) as change:
        change.amend(bare)
        change.commit()
    assert not Catalogue.open(catalogue.path).has_captions


def test_new_ids_are_checked(tmp_path: Path) -> None:
    path = make(tmp_path).path
    with CatalogueChange(path) as change, pytest.raises(InvalidInput, match="must be new to the catalogue"):
        change.add_segment(items([5]), None, write_index)
    with CatalogueChange(path) as change, pytest.raises(InvalidInput, match="'segments' to replace"):
        change.replace(["g000009-000"])


def test_earlier_generations_can_be_opened_as_long_as_their_segments_are_there(tmp_path: Path) -> None:
    first = make(tmp_path)
    delete(first.path, 1)
    third = grow(first.path)
    assert [one.generation for one in earlier_manifests(first.path, third.manifest)] == [2, 1]
    again = Catalogue.open_earlier(first.path, first.fingerprint, like=third)
    assert again is not None
    assert (again.generation, live(again)) == (1, list(range(1, 13)))
    assert again.segments[0] is third.segments[0]
    assert Catalogue.open_earlier(first.path, "0" * 64) is None
    with CatalogueChange(first.path) as change:  # merged: the old segments last until the next change
        old = third.segments[0]
        change.replace([old.id])
        change.add_segment(old.table().filter(pa.array(~np.isin(old.ids, third.deleted))), None, write_index)
        change.commit()
    assert Catalogue.open_earlier(first.path, first.fingerprint) is not None
    delete(first.path, 2)
    assert Catalogue.open_earlier(first.path, first.fingerprint) is None
    assert Catalogue.open(first.path).size == 13


def test_a_generation_takes_over_the_segments_that_it_shares(tmp_path: Path) -> None:
    first = make(tmp_path)
    grow(first.path)
    (first.path / "segments" / "g000001-000" / "boxes.cbx").chmod(0o000)
    after = Catalogue.open(first.path, like=first)
    assert after.segments[:2] == first.segments
    with CatalogueChange(first.path) as change:
        change.amend(items([after.segments[0].ids[0]]))
        change.commit()
    amended = Catalogue.open(first.path, like=after)
    assert amended.segments[0] is not after.segments[0]
    assert amended.segments[0].ids is after.segments[0].ids
    assert amended.segments[1] is after.segments[1]


def test_a_manifest_of_before_these_changes_is_still_one(tmp_path: Path) -> None:
    path = make(tmp_path).path / "manifest.json"
    values = json.loads(path.read_text())
    assert not {"amended", "removed", "recipe_file"} & set(values)
    checksum = values.pop("checksum")
    content = (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()
    assert hashlib.sha256(content).hexdigest() == checksum


def test_one_writer_at_a_time_and_an_unknown_name_leaves_nothing(tmp_path: Path) -> None:
    path = make(tmp_path).path
    with CatalogueChange(path), pytest.raises(StorageError, match="is being written by another process"):
        CatalogueChange(path)
    with CatalogueChange(path) as change:
        assert change.commit().generation == 1
    with pytest.raises(UnknownCatalogue, match=r"Catalogues in .*: small"):
        CatalogueChange(path.parent / "other")
    assert not (path.parent / "other").exists()


@pytest.mark.parametrize("name", ["deleted", "amended", "removed"])
def test_damage_beside_the_segments_is_named(tmp_path: Path, name: str) -> None:
    path = make(tmp_path).path
    with CatalogueChange(path) as change:
        change.delete([1])
        change.amend(items([5]))
        change.commit()
    (file,) = path.glob(f"{name}-*")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(DamagedFile, match=name):
        Catalogue.open(path) if name != "removed" else CatalogueChange(path)
