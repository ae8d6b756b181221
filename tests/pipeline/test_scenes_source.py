"""A stopped demo source holds whole pictures only; the next call ends with what one call would have made."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from clip_branches.files import TEMPORARY_PREFIX
from preprocessing.stages.demo import write_demo_source

COUNT = 120


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def stop(_: int) -> None:
    raise KeyboardInterrupt


def test_a_stopped_source_is_ended_by_the_next_call(tmp_path: Path) -> None:
    write_demo_source(tmp_path / "whole", count=COUNT, seed=2)
    stopped = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        write_demo_source(stopped, count=COUNT, seed=2, progress=stop)
    left = contents(stopped)
    assert 0 < len(left) < COUNT
    for name in left:
        assert name.startswith("images/0")
        with Image.open(stopped / name) as picture:
            picture.load()
    # What a kill in the middle of a picture leaves has another name, and is replaced.
    (stopped / "images" / f"{TEMPORARY_PREFIX}{len(left):06d}.webp").write_bytes(b"half")
    write_demo_source(stopped, count=COUNT, seed=2)
    assert contents(stopped) == contents(tmp_path / "whole")


def test_sets_of_two_seeds_share_no_scene(tmp_path: Path) -> None:
    seeds = []
    for seed in (0, 1):
        write_demo_source(tmp_path / str(seed), count=20, seed=seed)
        seeds.append(set(pq.read_table(tmp_path / str(seed) / "captions.parquet")["seed"].to_pylist()))
    assert not seeds[0] & seeds[1]
