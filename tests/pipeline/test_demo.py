"""The demo's own source and catalogue, on a few scenes."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from clip_branches.errors import InvalidInput
from preprocessing.scenes import HIDDEN, ground_truth, sample_scene
from preprocessing.stages.demo import write_demo_source
from tests.pipeline.support import Preprocessing, everything


def pictures(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "images").iterdir())}


def test_a_source_holds_pictures_captions_and_ground_truth(tmp_path: Path) -> None:
    seen: list[int] = []
    write_demo_source(tmp_path, count=60, seed=0, progress=seen.append)
    assert sum(seen) == 60
    assert list(pictures(tmp_path)) == [f"{number:06d}.webp" for number in range(60)]
    table = pq.read_table(tmp_path / "captions.parquet").to_pylist()
    assert len(table) == 60
    for number, row in enumerate(table):
        scene = sample_scene(number)
        assert row["filename"] == f"images/{number:06d}.webp"
        assert row["caption"]
        assert {name: row[name] for name in ground_truth(scene)} == ground_truth(scene)
    with Image.open(tmp_path / "images" / "000000.webp") as image:
        assert image.size == (128, 128)


def test_processes_and_a_second_start_draw_the_same(tmp_path: Path) -> None:
    write_demo_source(tmp_path / "one", count=110, seed=3)
    whole = pictures(tmp_path / "one")
    write_demo_source(tmp_path / "two", count=110, seed=3, workers=2)
    assert pictures(tmp_path / "two") == whole
    for number in (4, 77):
        (tmp_path / "two" / "images" / f"{number:06d}.webp").unlink()
    (tmp_path / "two" / "captions.parquet").unlink()
    stamp = (tmp_path / "two" / "images" / "000000.webp").stat().st_mtime_ns
    write_demo_source(tmp_path / "two", count=110, seed=3)
    assert pictures(tmp_path / "two") == whole
    assert (tmp_path / "two" / "images" / "000000.webp").stat().st_mtime_ns == stamp
    one, two = (pq.read_table(tmp_path / name / "captions.parquet") for name in ("one", "two"))
    assert one.equals(two)


@pytest.mark.parametrize(("count", "seed"), [(0, 0), (10, -1), (10, 1_000), (1_000_001, 0)])
def test_counts_and_seeds_stay_in_the_range_of_the_catalogue(tmp_path: Path, count: int, seed: int) -> None:
    with pytest.raises(InvalidInput, match=r"seed.*count"):
        write_demo_source(tmp_path, count=count, seed=seed)


def test_the_demo_command(preprocessing: Preprocessing) -> None:
    output = preprocessing("demo", "--count", 60, "--model", "tiny", "--workers", 1)
    assert "demo: 60 kept" in output
    catalogue = preprocessing.catalogue("demo")
    assert catalogue.size == 60
    assert catalogue.title == "Illustrated scenes"
    assert len(catalogue.examples) == 6
    assert catalogue.manifest.image_root == "../../sources/demo"
    items = everything(catalogue)
    assert set(HIDDEN) <= set(items[0]["metadata"])
    assert catalogue.image_path(items[0]["source"]).is_file()
    again = preprocessing("demo", "--count", 60, "--model", "tiny", "--workers", 1)
    assert "demo: 60 kept, 0 dropped; 0.0 s, 60 taken over from an earlier run" in again
    assert preprocessing.catalogue("demo").generation == 1
    preprocessing("demo", "--count", 40, "--model", "tiny", "--workers", 1)
    fewer = preprocessing.catalogue("demo")
    assert (fewer.generation, fewer.size) == (2, 40)
    ids = {item["source"]: item["id"] for item in items}
    assert all(item["id"] == ids[item["source"]] for item in everything(fewer))


def test_the_demo_never_empties_a_folder_that_is_not_its_own(preprocessing: Preprocessing) -> None:
    folder = preprocessing.data_dir / "sources" / "demo"
    folder.mkdir(parents=True)
    (folder / "mine.jpg").write_text("mine")
    assert "must be empty or made by this command" in preprocessing("demo", "--count", 5, "--model", "tiny", status=2)
    assert (folder / "mine.jpg").read_text() == "mine"
