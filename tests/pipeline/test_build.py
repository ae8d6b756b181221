"""``python -m preprocessing build`` as a user runs it: real photos, kills at any moment, bad input."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from clip_branches.catalogue import list_catalogues
from clip_branches.encoding import Quantiser
from clip_branches.engine import CatalogueEngine
from preprocessing.workplace import Workplace
from tests.pipeline.support import Preprocessing, contents, everything, write_images


def check_photos(preprocessing: Preprocessing, source: Path, count: int) -> None:
    output = preprocessing.build(source, "--title", "Real photos")
    assert f"filter: {count:,} kept, 0 dropped" in output
    assert f"embed: {count:,} kept" in output
    assert f"has {count:,} images (generation 1)" in output
    catalogue = preprocessing.catalogue()
    items = everything(catalogue)
    assert [item["source"] for item in items] == [f"{number:05d}.jpg" for number in range(count)]
    assert {(item["width"], item["height"]) for item in items} == {(32, 32)}
    assert len({item["caption"] for item in items}) == 10
    assert set(catalogue.examples) <= {item["caption"] for item in items}
    assert catalogue.image_root == source.resolve()
    engine = CatalogueEngine.open(catalogue, Quantiser.load(catalogue.encoder.quantiser_path))
    assert engine.size == count
    codes = engine.codes_of([item["id"] for item in items[:50]])
    assert codes.shape == (50, 32)
    assert codes.std() > 5
    vectors = Quantiser.load(catalogue.encoder.quantiser_path).decode(codes)
    assert engine.nearest_all(vectors[7]).total == count


def test_real_photos_become_a_catalogue(preprocessing: Preprocessing, photos: Path) -> None:
    check_photos(preprocessing, photos, 300)


@pytest.mark.slow
def test_five_thousand_real_photos(preprocessing: Preprocessing, many_photos: Path) -> None:
    check_photos(preprocessing, many_photos, 5_000)


def test_stage_by_stage_is_the_same_as_build(preprocessing: Preprocessing, photos: Path) -> None:
    preprocessing.build(photos, "--title", "Photos", name="whole")
    preprocessing("filter", photos, "--name", "parts", "--title", "Photos")
    preprocessing("embed", "--name", "parts", "--model", "tiny")
    preprocessing("index", "--name", "parts", "--example", "a cat")
    parts = preprocessing.catalogue("parts")
    assert contents(parts) == contents(preprocessing.catalogue("whole"))
    assert (parts.title, parts.examples) == ("Photos", ["a cat"])


class Killed:
    """A build of 150 images in small shards, killed again and again at moments of the caller's choice."""

    def __init__(self, preprocessing: Preprocessing, source: Path) -> None:
        self.preprocessing = preprocessing
        self.arguments = ("build", source, "--name", "photos", "--model", "tiny", "--shard-size", 16, "--batch-size", 4)

    def kill_when(self, reached: Callable[[], bool], *, timeout: float = 60) -> bool:
        """Start a build and kill -9 it, with its workers, once ``reached()``; False when it ended before."""
        process = self.preprocessing.start(*self.arguments)
        deadline = time.monotonic() + timeout
        while not reached() and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        if process.poll() is not None:
            process.communicate()
            return False
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=20)  # ends only when no worker process holds the pipes any more
        return True


def test_a_build_killed_at_every_stage_goes_on_and_gives_the_same_catalogue(
    preprocessing: Preprocessing, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    write_images(source, 150)
    whole = Preprocessing(preprocessing.models_dir, tmp_path / "whole")
    killed = Killed(preprocessing, source)
    whole(*killed.arguments)
    work, catalogues = preprocessing.work(), preprocessing.data_dir / "catalogues"
    moments = {
        "started": lambda: (work / ".lock").exists(),
        "filtered": lambda: (work / "kept.parquet").exists(),
        "a shard": lambda: len(list(work.glob("shards/*/[0-9]*.json"))) >= 2,
        "more shards": lambda: len(list(work.glob("shards/*/[0-9]*.json"))) >= 6,
        "writing the catalogue": lambda: any(catalogues.glob("photos/segments/*")),
        "writing the items": lambda: any(catalogues.glob("photos/segments/*/ids.npy")),
    }
    shards: dict[Path, int] = {}
    for moment, reached in moments.items():
        assert killed.kill_when(reached), f"{moment}: the build was over before it could be killed"
        assert list_catalogues(catalogues) == [], moment
        kept = {path: path.stat().st_mtime_ns for path in work.glob("shards/*/[0-9]*.json")}
        assert all(kept[path] == stamp for path, stamp in shards.items()), moment
        shards = kept
    output = preprocessing(*killed.arguments)
    assert "taken over from an earlier run" in output
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in shards.items())
    assert contents(preprocessing.catalogue()) == contents(whole.catalogue())
    assert everything(preprocessing.catalogue()) == everything(whole.catalogue())
    assert not list(preprocessing.data_dir.rglob(".tmp-*"))


def test_a_rebuild_killed_at_random_leaves_one_generation_or_the_other(
    preprocessing: Preprocessing, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    write_images(source, 30)
    killed = Killed(preprocessing, source)
    preprocessing(*killed.arguments)
    chance = random.Random(0)
    for round_ in range(4):
        write_images(source, 2, seed=100 + round_, suffix=f"-{round_}.png")
        before = preprocessing.catalogue()
        started, wait = time.monotonic(), chance.uniform(0.3, 4.0)
        killed.kill_when(lambda started=started, wait=wait: time.monotonic() - started > wait)
        after = preprocessing.catalogue()  # opens and checks every file
        assert after.generation in (before.generation, before.generation + 1)
        assert after.size >= before.size
    preprocessing(*killed.arguments)
    last = preprocessing.catalogue()
    assert last.size == 38
    assert sorted(item["id"] for item in everything(last)) == list(range(1, 39))


def test_ctrl_c_says_what_was_kept_and_how_to_go_on(preprocessing: Preprocessing, tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_images(source, 200)
    arguments = ("build", source, "--name", "photos", "--model", "tiny", "--shard-size", 8, "--batch-size", 4)
    process = preprocessing.start(*arguments)
    while len(list(preprocessing.work().glob("shards/*/[0-9]*.json"))) < 3:
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: workers get it too
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    lines = errors.strip().splitlines()
    assert len(lines) == 1
    assert "of 200 images are embedded and kept" in lines[0]
    assert "goes on from there" in lines[0]
    preprocessing(*arguments)
    assert preprocessing.catalogue().size == 200


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    write_images(folder, 3)
    return folder


def one_line(output: str) -> str:
    lines = [line for line in output.splitlines() if line.startswith(("Error:", "Usage:"))]
    assert len(lines) == 1, output
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--captions", "missing.csv"), "missing.csv, which is not there"),
        (("--model", "nowhere"), "Got 'nowhere' instead.*other, tiny"),
        (("--model", "local-dir:/nowhere"), "local-dir"),
        (("--name", "../up"), "The 'name' of a catalogue"),
    ],
)
def test_bad_options_are_one_line(
    preprocessing: Preprocessing, source: Path, arguments: tuple[str, ...], message: str
) -> None:
    line = one_line(preprocessing.build(source, *arguments, status=2))
    assert re.search(message, line)
    assert list_catalogues(preprocessing.data_dir / "catalogues") == []


def test_bad_folders_and_captions_are_one_line(preprocessing: Preprocessing, source: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "must hold images" in one_line(preprocessing.build(empty, status=2))
    assert "must be a folder" in one_line(preprocessing.build(tmp_path / "nowhere", status=2))
    (source / "captions.csv").write_text("file,text\na,b\n")
    assert "must have a column 'filename'" in one_line(preprocessing.build(source, status=2))
    preprocessing("embed", "--name", "unheard-of", status=2)


def test_an_old_catalogue_survives_a_bad_rebuild(preprocessing: Preprocessing, source: Path) -> None:
    preprocessing.build(source)
    before = contents(preprocessing.catalogue())
    preprocessing.build(source, "--captions", "missing.csv", status=2)
    preprocessing.build(source, "--min-size", 1_000, status=2)
    assert contents(preprocessing.catalogue()) == before


def test_two_builds_of_one_name_at_once(preprocessing: Preprocessing, source: Path) -> None:
    with Workplace(preprocessing.data_dir, "photos"):
        assert "another process" in one_line(preprocessing.build(source, status=1))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 1 MiB; skips where it cannot be mounted."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_is_one_line_and_keeps_the_old_catalogue(models_dir: Path, small_disk: Path, source: Path) -> None:
    preprocessing = Preprocessing(models_dir, small_disk)
    preprocessing.build(source)
    before = contents(preprocessing.catalogue())
    write_images(source, 60, seed=3, suffix=".webp")
    for leave in (0, 4_096, 12_288, 24_576):
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        (small_disk / "ballast").write_bytes(b"\0" * max(0, free - leave))
        line = one_line(preprocessing.build(source, status=1))
        assert "no space is left on the disk" in line
        assert str(small_disk) in line
        assert contents(preprocessing.catalogue()) == before
        (small_disk / "ballast").unlink()
    preprocessing.build(source)
    assert preprocessing.catalogue().size == 63


def test_every_stage_says_that_the_disk_is_full_and_where(models_dir: Path, small_disk: Path, source: Path) -> None:
    preprocessing = Preprocessing(models_dir, small_disk / "data")
    write_images(source, 60, seed=4, suffix=".webp")
    stages: list[tuple[object, ...]] = [
        ("filter", source, "--name", "photos"),
        ("embed", "--name", "photos", "--model", "tiny"),
        ("index", "--name", "photos"),
        ("export", "photos", small_disk / "clip", "--format", "clip-retrieval"),
        ("export", "photos", small_disk / "table.parquet"),
    ]
    for arguments in stages:
        # Where a page is left, the array of embeddings is cut short, of which NumPy says little.
        for leave in (0, 4_096) if "embed" in arguments or "clip-retrieval" in arguments else (0,):
            free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
            (small_disk / "ballast").write_bytes(b"\0" * max(0, free - leave))
            line = one_line(preprocessing(*arguments, status=1))
            assert "failed: no space is left on the disk" in line
            assert f"({small_disk}" in line
            assert line.endswith("Make room and run the same command again.")
            (small_disk / "ballast").unlink()
        preprocessing(*arguments)
    assert preprocessing.catalogue().size == 63


def test_help_needs_no_torch(preprocessing: Preprocessing) -> None:
    code = (
        "import sys; from click.testing import CliRunner; from preprocessing.cli import main;"
        "print(CliRunner().invoke(main, ['--help']).output);"
        "print([m for m in ('torch', 'numba', 'pyarrow', 'pandas', 'numpy') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip().endswith("[]")
    for name in ("demo", "filter", "embed", "index", "build", "train-demo-model", "evaluate-demo-model"):
        assert f"  {name} " in result.stdout


def test_work_files_are_as_documented(preprocessing: Preprocessing, source: Path) -> None:
    (source / "broken.jpg").write_text("not an image")
    preprocessing.build(source)
    work = preprocessing.work()
    assert pq.read_table(work / "kept.parquet").num_rows == 3
    dropped = pq.read_table(work / "dropped.parquet").to_pylist()
    assert [(row["source"], row["reason"]) for row in dropped] == [("broken.jpg", "undecodable")]
    assert len(list(work.glob("shards/*/000000.npy"))) == 1
    ids = preprocessing.catalogue().segments[0].ids
    assert np.array_equal(np.sort(ids), [1, 2, 3])
