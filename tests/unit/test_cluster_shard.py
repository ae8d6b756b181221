"""A shard, without Ray: part of a catalogue, from its own files or from a node's checked copies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clip_branches.catalogue import Catalogue
from clip_branches.cluster.shard import Shard, ShardSpec
from clip_branches.engine.reading import Reading
from clip_branches.errors import DamagedFile, StorageError
from tests.unit.engine_stage import Stage

CODES = np.random.default_rng(3).integers(0, 256, (900, 32), dtype=np.uint8)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, CODES, deleted=range(1, 900, 6))


def spec_of(stage: Stage, *segments: int, local_dir: Path | None = None) -> ShardSpec:
    catalogue = stage.engine.catalogue
    assert isinstance(catalogue, Catalogue)
    return ShardSpec(
        catalogue=catalogue.name,
        folder=catalogue.path,
        number=0,
        of=1,
        segments=tuple(catalogue.segments[number].entry for number in segments),
        deleted=catalogue.manifest.deleted,
        quantiser=stage.quantiser,
        local_dir=local_dir,
        threads=1,
    )


def test_a_shard_of_all_segments_answers_as_the_engine(stage: Stage) -> None:
    shard, vector = Shard.open(spec_of(stage, 0, 1)), np.linspace(-1, 1, 32, dtype=np.float32)
    told, expected = shard.nearest_all(Reading(), vector), stage.engine.nearest_all(vector)
    assert (told.ids == expected.ids).all()
    assert (told.scores == expected.scores).all()
    segments, rows = stage.engine.catalogue.locate(expected.ids[:40])
    places = rows + 450 * segments
    assert (shard.codes(Reading(), places) == stage.engine.codes_of(expected.ids[:40])).all()


def test_copies_are_checked_and_used_again(stage: Stage, tmp_path: Path) -> None:
    spec = spec_of(stage, 1, local_dir=tmp_path / "node")
    Shard.open(spec)
    copies = sorted((tmp_path / "node" / "small").glob("*/*"))
    assert [path.name for path in copies] == ["boxes.cbx", "ids.npy"]
    before = [path.stat().st_ino for path in copies]
    Shard.open(spec)
    assert [path.stat().st_ino for path in copies] == before
    content = bytearray(copies[0].read_bytes())
    content[-1] ^= 1
    copies[0].write_bytes(content)
    vector = np.ones(32, np.float32)
    ids = Shard.open(spec).nearest_all(Reading(), vector).ids
    assert (ids == Shard.open(replace(spec, local_dir=None)).nearest_all(Reading(), vector).ids).all()
    assert copies[0].read_bytes() != bytes(content)


@pytest.mark.parametrize("copied", [False, True])
def test_a_damaged_file_is_named_and_not_served(stage: Stage, tmp_path: Path, copied: bool) -> None:
    spec = spec_of(stage, 0, local_dir=tmp_path / "node" if copied else None)
    path = spec.folder / "segments" / spec.segments[0].id / "boxes.cbx"
    content = bytearray(path.read_bytes())
    content[700] ^= 4
    path.write_bytes(content)
    with pytest.raises(DamagedFile, match="is damaged: its sha256"):
        Shard.open(spec)
    assert not list((tmp_path / "node").rglob("*.cbx"))


def test_a_folder_that_cannot_be_written_is_named(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "node").write_text("a file")
    with pytest.raises(StorageError, match="Copying the segment"):
        Shard.open(spec_of(stage, 0, local_dir=tmp_path / "node"))
