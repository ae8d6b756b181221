"""The filter stage on real files of every kind: what is kept, what is dropped and why."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from clip_branches.errors import InvalidInput
from preprocessing.recipe import FilterSection, Recipe
from preprocessing.report import Summary
from preprocessing.sources.options import FolderSource
from preprocessing.stages.filter import filter_images
from preprocessing.workplace import Workplace
from tests.pipeline.support import noise, write_images


def run_filter(tmp_path: Path, source: Path, *, workers: int = 1, **changes: Any) -> tuple[Summary, Workplace]:
    with Workplace(tmp_path / "data", "photos") as work:
        filters = FilterSection(min_size=changes.pop("min_size", 32))
        recipe = Recipe(title="Photos", source=FolderSource(path=source, **changes), filters=filters)
        return filter_images(work, recipe, workers=workers), work


def dropped(work: Workplace) -> dict[str, str]:
    table = pq.read_table(work.dropped)
    return dict(zip(table.column("source").to_pylist(), table.column("reason").to_pylist(), strict=True))


@pytest.fixture
def odd_folder(tmp_path: Path) -> Path:
    """One file of every kind that a real folder may hold."""
    folder = tmp_path / "source"
    generator = np.random.default_rng(1)
    (folder / "deep" / "er").mkdir(parents=True)
    picture = noise(generator)
    noise(generator).save(folder / "a.jpg")
    noise(generator).save(folder / "deep" / "B.JPEG")
    noise(generator).save(folder / "deep" / "er" / "größe 猫.PnG")
    noise(generator).save(folder / "c.webp")
    noise(generator).save(folder / "d.GIF", save_all=True, append_images=[picture])
    exif = Image.Exif()
    exif[0x0112] = 6
    noise(generator, 64).crop((0, 0, 64, 40)).save(folder / "e-turned.jpg", exif=exif)
    noise(generator).convert("CMYK").save(folder / "f-cmyk.jpg")
    noise(generator).convert("RGBA").save(folder / "g-alpha.png")
    noise(generator).convert("P").save(folder / "h-palette.png")
    Image.fromarray(generator.integers(0, 65_536, (40, 40), dtype=np.uint16)).save(folder / "i-16bit.png")
    # What cannot be used:
    (folder / "z-copy.jpg").write_bytes((folder / "a.jpg").read_bytes())
    (folder / "z-half.jpg").write_bytes((folder / "f-cmyk.jpg").read_bytes()[:-300])
    (folder / "z-text.png").write_text("not an image")
    (folder / "z-empty.gif").touch()
    noise(generator, 31).save(folder / "z-tiny.png")
    noise(generator).resize((400, 20)).save(folder / "z-flat.png")
    Image.new("1", (10_000, 5_001)).save(folder / "z-bomb.png")
    noise(generator).save(tmp_path / "elsewhere.png")
    (folder / "z-link.png").symlink_to(tmp_path / "elsewhere.png")
    (folder / "z-dangling.png").symlink_to(folder / "nothing.png")
    # What is passed over:
    (folder / ".hidden.jpg").write_text("hidden")
    (folder / "notes.txt").write_text("notes")
    (folder / "movie.mp4").write_text("movie")
    return folder


def test_every_kind_of_file_is_kept_or_has_a_reason(tmp_path: Path, odd_folder: Path) -> None:
    before = {path: (path.lstat().st_mtime_ns, path.lstat().st_size) for path in odd_folder.rglob("*")}
    summary, work = run_filter(tmp_path, odd_folder)
    assert dropped(work) == {
        "z-copy.jpg": "duplicate",
        "z-half.jpg": "truncated",
        "z-text.png": "undecodable",
        "z-empty.gif": "undecodable",
        "z-tiny.png": "too small",
        "z-flat.png": "too small",
        "z-bomb.png": "too many pixels",
        "z-link.png": "outside the folder",
        "z-dangling.png": "unreadable",
    }
    kept = pq.read_table(work.kept)
    assert kept.column("source").to_pylist() == [
        "a.jpg",
        "c.webp",
        "d.GIF",
        "deep/B.JPEG",
        "deep/er/größe 猫.PnG",
        "e-turned.jpg",
        "f-cmyk.jpg",
        "g-alpha.png",
        "h-palette.png",
        "i-16bit.png",
    ]
    turned = kept.filter(kept.column("source").to_numpy() == "e-turned.jpg").to_pylist()[0]
    assert (turned["width"], turned["height"]) == (40, 64)
    text = "\n".join(summary.lines())
    assert "10 kept, 9 dropped" in text
    assert "undecodable 2" in text
    assert "z-copy.jpg: the same bytes as a.jpg" in text
    assert before == {path: (path.lstat().st_mtime_ns, path.lstat().st_size) for path in odd_folder.rglob("*")}


def test_worker_processes_find_the_same(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_images(source, 300)
    (source / "0150.png").write_text("not an image")
    alone, work = run_filter(tmp_path / "one", source)
    content = work.kept.read_bytes()
    together, work = run_filter(tmp_path / "two", source, workers=2)
    assert work.kept.read_bytes() == content
    assert (together.kept, together.dropped) == (alone.kept, alone.dropped) == (299, together.dropped)


def test_a_second_run_checks_only_what_is_new_or_changed(tmp_path: Path) -> None:
    source = tmp_path / "source"
    paths = write_images(source, 20)
    assert run_filter(tmp_path, source)[0].processed == 20
    again, work = run_filter(tmp_path, source)
    assert (again.processed, again.reused) == (0, 20)
    stamp = paths[3].stat().st_mtime_ns
    paths[3].write_bytes(paths[4].read_bytes())
    os.utime(paths[3], ns=(stamp + 1, stamp + 1))
    paths[9].unlink()
    write_images(source, 2, seed=5, suffix=".webp")
    changed, work = run_filter(tmp_path, source)
    assert (changed.processed, changed.reused, changed.kept) == (3, 18, 20)
    assert dropped(work) == {"0004.png": "duplicate"}  # the first by path is kept


def test_a_damaged_note_of_an_earlier_check_is_forgotten(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_images(source, 5)
    _, work = run_filter(tmp_path, source)
    for part in work.checked.iterdir():
        part.write_bytes(b"PAR1 damaged")
    assert run_filter(tmp_path, source)[0].processed == 5


def test_the_smallest_size_is_a_choice(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_images(source, 2, size=20)
    write_images(source, 2, size=50, suffix=".webp")
    assert run_filter(tmp_path, source, min_size=20)[0].kept == 4
    assert run_filter(tmp_path, source, min_size=21)[0].kept == 2
    assert run_filter(tmp_path, source, min_size=20, max_images=3)[0].kept == 3


def test_a_folder_without_a_usable_image_is_an_error_that_counts_them(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="must be a folder"):
        run_filter(tmp_path, tmp_path / "nowhere")
    source = tmp_path / "source"
    source.mkdir()
    (source / "notes.txt").touch()
    with pytest.raises(InvalidInput, match="must hold images"):
        run_filter(tmp_path, source)
    (source / "a.jpg").write_text("not an image")
    with pytest.raises(InvalidInput, match="undecodable 1"):
        run_filter(tmp_path, source)


def test_the_data_folder_is_no_source(tmp_path: Path) -> None:
    write_images(tmp_path / "photos", 2)
    write_images(tmp_path / "data" / "cache" / "thumbnails", 3, seed=1)
    assert run_filter(tmp_path, tmp_path)[0].kept == 2


def test_captions_and_metadata_reach_the_kept_rows(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_images(source, 3)
    (source / "captions.csv").write_text("filename,caption,stars\n0002.png,two,2\n0000.png,nought,0\nlost.png,lost,9\n")
    summary, work = run_filter(tmp_path, source, captions=source / "captions.csv")
    kept = pq.read_table(work.kept)
    assert kept.column("caption").to_pylist() == ["nought", None, "two"]
    assert kept.column("stars").to_pylist() == [0, None, 2]
    assert "1 warning (caption without image 1)" in summary.lines()[0]
    assert pq.read_table(work.warnings).column("source").to_pylist() == ["lost.png"]
