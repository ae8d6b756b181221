"""A damaged, foreign or foreign-version file is named and never served."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clip_branches.catalogue import Catalogue, read_manifest
from clip_branches.errors import DamagedFile, UnknownCatalogue
from tests.unit.catalogues import make


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x01
    path.write_bytes(bytes(content))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def remove(path: Path) -> None:
    path.unlink()


def replace_by_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = [flip, truncate, empty, lengthen, remove, replace_by_a_folder]


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_every_file_is_missed_when_it_is_damaged(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    whole = make(tmp_path / "whole").path
    names = [path.relative_to(whole) for path in files_of(whole)]
    assert {name.name for name in names} == {
        "manifest.json",
        "items.parquet",
        "ids.npy",
        "boxes.cbx",
        "embeddings.npy",
        "head.json",
        "head.safetensors",
        "quantiser.json",
    }
    for name in names:
        broken = tmp_path / "broken"
        shutil.copytree(whole, broken)
        damage(broken / name)
        expected = UnknownCatalogue if name.name == "manifest.json" and damage is remove else DamagedFile
        with pytest.raises(expected, match=str(name)):
            Catalogue.open(broken)
        shutil.rmtree(broken)


def test_every_single_byte_of_the_manifest_matters(tmp_path: Path) -> None:
    path = make(tmp_path, rows=(3,)).path / "manifest.json"
    content = path.read_bytes()
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 0x2A if changed[position] == ord(" ") else 0x01  # a space becomes a line feed
        path.write_bytes(bytes(changed))
        with pytest.raises(DamagedFile, match=r"manifest\.json"):
            read_manifest(path.parent)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "another version: this program reads version 1. Got 2"),
        ({"version": "1"}, "another version"),
        ({"format": "something else"}, "another kind.*Got 'something else'"),
        ({"format": None}, "another kind"),
        ({"surprise": 1}, "surprise"),
        ({"generation": 0}, "generation"),
        ({"next_id": "7"}, "next_id"),
        ({"segments": []}, "segments"),
    ],
)
def test_a_manifest_of_another_kind_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = make(tmp_path).path / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DamagedFile, match=message):
        Catalogue.open(path.parent)


@pytest.mark.parametrize("content", [b"[]", b"null", b'"text"', b"\xff\xfe", b"{", b"PK\x03\x04"])
def test_a_manifest_that_is_no_manifest_is_refused(tmp_path: Path, content: bytes) -> None:
    path = make(tmp_path).path / "manifest.json"
    path.write_bytes(content)
    with pytest.raises(DamagedFile, match=r"manifest\.json"):
        Catalogue.open(path.parent)


def test_a_manifest_cannot_point_outside_the_catalogue(tmp_path: Path) -> None:
    path = make(tmp_path).path / "manifest.json"
    values = json.loads(path.read_text())
    values["encoder"]["quantiser"]["file"] = "../../secret.json"
    path.write_text(json.dumps(values))
    with pytest.raises(DamagedFile, match="inside the catalogue"):
        Catalogue.open(path.parent)


def test_without_verification_sizes_and_headers_are_still_checked(tmp_path: Path) -> None:
    catalogue = make(tmp_path)
    index = catalogue.segments[0].index_path
    flip(index)
    assert Catalogue.open(catalogue.path, verify=False).size == 12
    truncate(index)
    with pytest.raises(DamagedFile, match=r"boxes\.cbx.*must have 61 bytes. Got 60"):
        Catalogue.open(catalogue.path, verify=False)


def _foreign_pickle(path: Path) -> None:
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)


def _foreign_dtype(path: Path) -> None:
    np.save(path, np.arange(7, dtype=np.int64))


def _foreign_shape(path: Path) -> None:
    np.save(path, np.arange(8, dtype=np.uint64))


def _archive(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, ids=np.arange(7, dtype=np.uint64))


@pytest.mark.parametrize("swap", [_foreign_pickle, _foreign_dtype, _foreign_shape, _archive])
def test_a_foreign_array_is_refused_even_with_the_right_size(tmp_path: Path, swap: Callable[[Path], None]) -> None:
    catalogue = make(tmp_path)
    ids = catalogue.segments[0].path / "ids.npy"
    swap(ids)
    _say_it_belongs(catalogue.path, ids)
    with pytest.raises(DamagedFile, match=r"ids\.npy"):
        Catalogue.open(catalogue.path, verify=False)


@pytest.mark.parametrize("column", ["id", "source", "caption", "width", "height", "sha256"])
def test_foreign_items_are_refused(tmp_path: Path, column: str) -> None:
    catalogue = make(tmp_path)
    path = catalogue.segments[0].path / "items.parquet"
    table = pq.read_table(path)
    for foreign in (
        table.drop_columns([column]),
        table.set_column(0, table.field(column).with_type(pa.bool_()), pa.array([True] * 7))
        if column == "id"
        else table.drop_columns([column]).append_column(column, pa.array([True] * 7)),
        table.slice(1),
    ):
        pq.write_table(foreign, path)
        _say_it_belongs(catalogue.path, path)
        with pytest.raises(DamagedFile, match=r"items\.parquet"):
            Catalogue.open(catalogue.path)


def _say_it_belongs(folder: Path, path: Path) -> None:
    """Write the manifest anew so that it names the changed file's size and checksum."""
    from clip_branches.catalogue.manifest import FileEntry
    from clip_branches.files import sha256_of

    manifest = read_manifest(folder)
    entry = manifest.segments[0]
    files = {**entry.files, path.name: FileEntry(sha256=sha256_of(path), bytes=path.stat().st_size)}
    first = entry.model_copy(update={"files": files})
    manifest.model_copy(update={"segments": [first, *manifest.segments[1:]]}).save(folder)


def test_what_the_manifest_does_not_name_is_ignored(tmp_path: Path) -> None:
    catalogue = make(tmp_path)
    (catalogue.path / "segments" / "g000009-000").mkdir()
    (catalogue.path / "segments" / "g000009-000" / "items.parquet").write_bytes(b"half a file")
    (catalogue.segments[0].path / "notes.txt").write_text("mine")
    (catalogue.path / ".tmp-1-manifest.json").write_bytes(b"{")
    assert Catalogue.open(catalogue.path).size == 12


def test_tombstones_are_honoured_and_checked(tmp_path: Path) -> None:
    from clip_branches.catalogue.manifest import NamedFile
    from clip_branches.files import sha256_of

    catalogue = make(tmp_path)
    path = catalogue.path / "deleted-000002.npy"
    np.save(path, np.array([9, 2, 500], dtype=np.uint64))  # 500 was never an item
    entry = NamedFile(file=path.name, sha256=sha256_of(path), bytes=path.stat().st_size)
    catalogue.manifest.model_copy(update={"deleted": entry, "generation": 2}).save(catalogue.path)
    reopened = Catalogue.open(catalogue.path)
    assert reopened.deleted.tolist() == [2, 9, 500]
    assert reopened.size == 10
    assert reopened.contains([1, 2, 9, 12]).tolist() == [True, False, False, True]
    found, missing = reopened.items([1, 2])
    assert ([item["id"] for item in found], missing) == ([1], [2])
    flip(path)
    with pytest.raises(DamagedFile, match="deleted-000002"):
        Catalogue.open(catalogue.path)
