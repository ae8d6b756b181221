"""Writing a catalogue: one commit point, stable ids, and a disk that refuses."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from clip_branches.catalogue import Catalogue, list_catalogues, read_manifest
from clip_branches.errors import InvalidInput, StorageError, UnknownCatalogue
from tests.unit.catalogues import encoder_files, items, make, write_index, writer


def names_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_nothing_is_there_before_the_commit(tmp_path: Path) -> None:
    with writer(tmp_path) as target:
        target.add_segment(items(target.new_ids(3)), None, write_index)
        assert list_catalogues(tmp_path / "catalogues") == []
        with pytest.raises(UnknownCatalogue):
            Catalogue.open(target.path)
    assert not (tmp_path / "catalogues" / "small").exists()


def test_a_writer_that_fails_leaves_the_old_generation_alone(tmp_path: Path) -> None:
    before = make(tmp_path)
    held = names_below(before.path)
    content = (before.path / "manifest.json").read_bytes()

    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with writer(tmp_path) as target:
        target.add_segment(items(target.new_ids(3)), None, write_index)
        with pytest.raises(StorageError, match=r"no space is left on the disk.*boxes\.cbx"):
            target.add_segment(items(target.new_ids(3)), None, fail)
    assert names_below(before.path) == held
    assert (before.path / "manifest.json").read_bytes() == content
    assert Catalogue.open(before.path).size == 12
    assert make(tmp_path).generation == 2  # the lock was released


def test_an_error_of_the_index_is_passed_on_and_cleaned_up(tmp_path: Path) -> None:
    def fail(_: Path) -> None:
        raise ValueError("no codes")

    with writer(tmp_path) as target, pytest.raises(ValueError, match="no codes"):
        target.add_segment(items(target.new_ids(3)), None, fail)
    assert not (tmp_path / "catalogues" / "small").exists()


def test_readers_keep_their_generation(tmp_path: Path) -> None:
    first = make(tmp_path)
    ids = first.segments[0].ids.tolist()
    second = make(tmp_path, rows=(4,))
    assert (first.generation, second.generation) == (1, 2)
    assert first.segments[0].ids.tolist() == ids
    assert first.segments[0].index_path.exists()
    assert [item["id"] for item in first.items(ids)[0]] == ids
    third = make(tmp_path, rows=(4,))
    assert not first.segments[0].index_path.exists()  # two commits later its files go
    assert second.segments[0].index_path.exists()
    assert first.items(ids)[1] == []  # but what is mapped stays readable
    assert third.generation == 3


def test_ids_are_never_used_twice(tmp_path: Path) -> None:
    assert sorted(make(tmp_path, rows=(4,)).segments[0].ids.tolist()) == [1, 2, 3, 4]
    assert sorted(make(tmp_path, rows=(2,)).segments[0].ids.tolist()) == [5, 6]
    with writer(tmp_path) as target:
        known = np.array([2, 3], dtype=np.uint64)
        target.add_segment(items(np.concatenate([known, target.new_ids(1)])), None, write_index)
        assert target.commit().next_id == 8
    assert sorted(Catalogue.open(target.path).segments[0].ids.tolist()) == [2, 3, 7]


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with writer(tmp_path), pytest.raises(StorageError, match="another process"):
        writer(tmp_path)
    writer(tmp_path).close()


def test_a_killed_writer_does_not_hold_the_lock_nor_its_leftovers_the_disk(tmp_path: Path) -> None:
    before = make(tmp_path)
    code = f"""
import os, signal
from pathlib import Path
from tests.unit.catalogues import items, write_index, writer
target = writer(Path({str(tmp_path)!r}))
target.add_segment(items(target.new_ids(3)), None, write_index)
(target.path / ".tmp-1-manifest.json").write_bytes(b"half")
os.kill(os.getpid(), signal.SIGKILL)
"""
    result = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True)
    assert result.returncode == -9, result.stderr
    assert (before.path / "segments" / "g000002-000").exists()
    assert Catalogue.open(before.path).generation == 1
    after = make(tmp_path, rows=(2,))
    assert after.generation == 2
    assert not (before.path / ".tmp-1-manifest.json").exists()
    assert [entry.id for entry in read_manifest(after.path).segments] == ["g000002-000"]


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 65, "ü", "a b"])
def test_names_are_plain(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="name"):
        writer(tmp_path / "data", name)
    assert not (tmp_path / "data" / "catalogues").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": ["a.jpg", "../b.jpg"]}, r"source.*\.\./b\.jpg"),
        ({"source": ["a.jpg", None]}, "source.*no nulls"),
        ({"width": [10, 0]}, "width"),
        ({"height": ["x", "y"]}, "height"),
        ({"sha256": ["0" * 64, "0" * 63]}, "sha256"),
        ({"id": pa.array([1, 1], pa.uint64())}, "unique"),
        ({"id": pa.array([1, 3], pa.uint64())}, "new_ids"),
        ({"id": [1, -1]}, "id"),
        ({"place": [[1.0], [2.0]]}, "place"),
    ],
)
def test_rows_that_cannot_be_items_are_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    with writer(tmp_path) as target:
        table = items(target.new_ids(2))
        for name, values in change.items():
            table = pa.table({**{column: table.column(column) for column in table.column_names}, name: values})
        with pytest.raises(InvalidInput, match=message):
            target.add_segment(table, None, write_index)


def test_other_mistakes_are_refused(tmp_path: Path) -> None:
    with writer(tmp_path) as target:
        table = items(target.new_ids(2))
        with pytest.raises(InvalidInput, match="at least one row"):
            target.add_segment(table.slice(2), None, write_index)
        with pytest.raises(InvalidInput, match=r"Missing.*caption"):
            target.add_segment(table.drop_columns(["caption"]), None, write_index)
        with pytest.raises(InvalidInput, match=r"\(2, d\)"):
            target.add_segment(table, np.zeros((3, 8), dtype=np.float32), write_index)
        with pytest.raises(InvalidInput, match="at least one segment"):
            target.commit()
    with writer(tmp_path) as target:
        table = items(target.new_ids(2))
        target.add_segment(table, None, write_index)
        with pytest.raises(InvalidInput, match="again"):
            target.add_segment(table, None, write_index)


def test_an_image_root_elsewhere_is_kept_absolute(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    with writer(tmp_path / "data", image_root=photos) as target:
        target.add_segment(items(target.new_ids(1)), None, write_index)
        assert target.commit().image_root == photos.resolve().as_posix()
    assert make(tmp_path / "data", name="other").manifest.image_root == "../../sources/other"


def test_a_recipe_and_examples_travel_with_the_catalogue(tmp_path: Path) -> None:
    recipe = {"source": "here", "min_size": 32, "share": 0.25, "none": None}
    with writer(tmp_path, examples=["a red car", "Straße"], recipe=recipe, title="Ünïcode") as target:
        target.add_segment(items(target.new_ids(1)), None, write_index)
        target.commit()
    catalogue = Catalogue.open(target.path)
    assert (catalogue.examples, catalogue.title, catalogue.manifest.recipe) == (
        ["a red car", "Straße"],
        "Ünïcode",
        recipe,
    )


def test_an_encoder_without_a_head(tmp_path: Path) -> None:
    from clip_branches.catalogue import EncoderSpec

    spec = EncoderSpec("tiny", encoder_files(tmp_path / "encoder").quantiser_path)
    with writer(tmp_path, encoder=spec) as target:
        target.add_segment(items(target.new_ids(1)), None, write_index)
        target.commit()
    assert Catalogue.open(target.path).encoder.head_path is None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 256 KiB; skips where it cannot be mounted."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_leaves_the_old_catalogue(small_disk: Path) -> None:
    before = make(small_disk, rows=(3,))
    held = names_below(before.path)
    with writer(small_disk) as target, pytest.raises(StorageError, match="no space is left on the disk"):
        target.add_segment(
            items(target.new_ids(50)), np.ones((50, 100), dtype=np.float16), lambda path: path.write_bytes(b"x" * 2**20)
        )
    assert names_below(before.path) == held
    assert Catalogue.open(before.path).size == 3


def test_a_disk_full_of_embeddings_gives_the_same_clear_error(small_disk: Path) -> None:
    with writer(small_disk) as target, pytest.raises(StorageError, match="Writing the catalogue"):
        target.add_segment(items(target.new_ids(500)), np.ones((500, 512), dtype=np.float16), write_index)
    assert not target.path.exists()
