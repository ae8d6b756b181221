"""Catalogues that grow, as a user makes them: real files, killed processes, full disks, other writers."""

from __future__ import annotations

import csv
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from clip_branches.catalogue import Catalogue, CatalogueChange
from clip_branches.encoding import Quantiser
from clip_branches.engine import CatalogueEngine
from tests.pipeline.support import REPOSITORY, Preprocessing, contents, everything, write_images

ONE = ("--workers", 1, "--threads", 1)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """30 images with captions and one metadata column."""
    folder = tmp_path / "source"
    write_images(folder, 30)
    write_captions(folder, 30)
    return folder


def write_captions(folder: Path, count: int, **changes: str) -> None:
    with (folder / "captions.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["filename", "caption", "place"])
        for number in range(count):
            name = f"{number:04d}.png"
            rows.writerow([name, changes.get(f"n{number}", f"picture {number}"), "here"])


def by_source(catalogue: Catalogue) -> dict[str, dict[str, Any]]:
    return {item["source"]: item for item in everything(catalogue) if item}


def codes(catalogue: Catalogue, ids: list[int]) -> np.ndarray:
    return CatalogueEngine.open(catalogue, Quantiser.load(catalogue.encoder.quantiser_path)).codes_of(ids)


def one_line(output: str) -> str:
    lines = [line for line in output.splitlines() if line.startswith(("Error:", "Usage:"))]
    assert len(lines) == 1, output
    return lines[0]


def test_adding_appends_what_is_new_and_nothing_else(preprocessing: Preprocessing, source: Path) -> None:
    preprocessing.build(source, *ONE)
    before = preprocessing.catalogue()
    stamps = {path: path.stat().st_mtime_ns for path in (before.path / "segments").rglob("*.*")}
    assert "add: 0 added, 30 as they were; generation 1" in preprocessing("add", "photos", *ONE)
    write_images(source, 4, seed=9, suffix=".jpg")
    output = preprocessing("add", "photos", *ONE)
    assert "embed: 4 kept" in output
    assert "add: 4 added, 30 as they were; generation 2" in output
    after = preprocessing.catalogue()
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    old, new = by_source(before), by_source(after)
    assert {name: new[name] for name in old} == old
    assert sorted(item["id"] for name, item in new.items() if name not in old) == [31, 32, 33, 34]
    engine = CatalogueEngine.open(after, Quantiser.load(after.encoder.quantiser_path))
    vector = np.random.default_rng(0).normal(size=32).astype(np.float32)
    vectors = engine.quantiser.decode(engine.codes_of(list(range(1, 35))))
    ranked = engine.nearest_all(vector)
    assert ranked.total == 34
    assert np.allclose(ranked.scores, (vectors @ vector)[ranked.ids.astype(int) - 1], atol=1e-4)


def test_what_moved_or_was_described_anew_is_amended_and_what_was_replaced_is_another_image(
    preprocessing: Preprocessing, source: Path
) -> None:
    preprocessing.build(source, *ONE)
    before = by_source(preprocessing.catalogue())
    (source / "album").mkdir()
    (source / "0003.png").rename(source / "album" / "renamed.png")
    write_images(source / "other", 1, seed=77)
    (source / "other" / "0000.png").rename(source / "0004.png")
    write_captions(source, 30, n5="a new caption")
    output = preprocessing("add", "photos", *ONE)
    assert "1 added, 2 amended, 1 replaced by another image at their path" in output
    after = by_source(preprocessing.catalogue())
    assert after["album/renamed.png"]["id"] == before["0003.png"]["id"]
    assert after["0005.png"] == {**before["0005.png"], "caption": "a new caption"}
    assert after["0004.png"]["id"] == 31
    assert preprocessing.catalogue().items([before["0004.png"]["id"]])[1] == [before["0004.png"]["id"]]
    assert len(after) == 30


def test_what_was_deleted_stays_so_until_it_is_asked_for_again(preprocessing: Preprocessing, source: Path) -> None:
    preprocessing.build(source, *ONE)
    assert "delete: 3 deleted, 27 left" in preprocessing("delete", "photos", "--id", 4, "--match", "001[01].png")
    for _ in range(2):
        assert "0 added, 3 passed over, deleted before" in preprocessing("add", "photos", *ONE)
        preprocessing("compact", "photos")
    preprocessing.build(source, "--title", "Built again", *ONE)
    again = preprocessing.catalogue()
    assert (again.size, again.title) == (27, "Built again")
    assert "add: 3 added" in preprocessing("add", "photos", "--again", *ONE)
    ids = sorted(item["id"] for item in everything(preprocessing.catalogue()))
    assert len(ids) == 30
    assert ids[-3:] == [31, 32, 33]
    assert 4 not in ids


def test_ways_to_say_what_to_delete(preprocessing: Preprocessing, source: Path, tmp_path: Path) -> None:
    preprocessing.build(source, *ONE)
    (source / "0001.png").unlink()
    assert "1 would be deleted, 29 left" in preprocessing("delete", "photos", "--gone", "--dry-run")
    assert "1 deleted, 29 left" in preprocessing("delete", "photos", "--gone")
    items = by_source(preprocessing.catalogue())
    (tmp_path / "ids.csv").write_text(f"id,score\n{items['0002.png']['id']},0.5\n{items['0003.png']['id']},0.4\n")
    (tmp_path / "ids.txt").write_text(f"{items['0004.png']['id']}\n")
    preprocessing("delete", "photos", "--ids-from", tmp_path / "ids.csv")
    preprocessing("delete", "photos", "--ids-from", tmp_path / "ids.txt")
    left = preprocessing.catalogue()
    assert {f"{number:04d}.png" for number in range(30)} - set(by_source(left)) == {
        "0001.png", "0002.png", "0003.png", "0004.png",
    }  # fmt: skip
    before = contents(left)
    wrong = {
        ("--id", 99): "Got 99 instead; nothing was deleted",
        ("--id", -1): "Ids must be 1 or more",
        ("--match", "nothing*"): "It matches none; nothing was deleted",
        ("--match", "*"): "must keep at least one image",
        (): "Say what to delete",
        ("--ids-from", tmp_path / "none.csv"): "ids",
    }
    for arguments, message in wrong.items():
        assert message in one_line(preprocessing("delete", "photos", *arguments, status=2))
    source.rename(tmp_path / "elsewhere")
    assert "and mounted? Nothing was deleted" in one_line(preprocessing("delete", "photos", "--gone", status=2))
    assert contents(preprocessing.catalogue()) == before
    assert "must be one of: photos" in one_line(preprocessing("delete", "other", "--id", 1, status=2))


def test_compaction_changes_no_item_no_code_and_no_answer(preprocessing: Preprocessing, source: Path) -> None:
    preprocessing.build(source, *ONE)
    for round_ in range(3):
        write_images(source, 3, seed=20 + round_, suffix=f"-{round_}.png")
        preprocessing("add", "photos", *ONE)
    preprocessing("delete", "photos", "--match", "0000-1.png", "--id", 5)
    write_captions(source, 30, n9="said again")
    preprocessing("add", "photos", *ONE)
    before = preprocessing.catalogue()
    items = everything(before)
    ids = [item["id"] for item in items]
    embeddings = {
        int(item): row for segment in before.segments for item, row in zip(segment.ids, segment.embeddings, strict=True)
    }
    vector = np.random.default_rng(0).normal(size=32).astype(np.float32)

    def answer(catalogue: Catalogue) -> tuple[list[int], list[float]]:
        engine = CatalogueEngine.open(catalogue, Quantiser.load(catalogue.encoder.quantiser_path))
        found = engine.nearest_all(vector)
        return found.ids.tolist(), found.scores.tolist()

    expected, own_codes = answer(before), codes(before, ids)
    assert "4 segments became 2" in preprocessing("compact", "photos", "--below", 10)
    partly = preprocessing.catalogue()
    assert answer(partly) == expected
    assert "2 segments became 1, 37 rows rewritten, 1 deleted rows dropped" in preprocessing("compact", "photos")
    after = preprocessing.catalogue()
    assert (everything(after), answer(after)) == (items, expected)
    assert np.array_equal(codes(after, ids), own_codes)
    (segment,) = after.segments
    assert all(
        np.array_equal(row, embeddings[int(item)]) for item, row in zip(segment.ids, segment.embeddings, strict=True)
    )
    assert (after.manifest.deleted, after.manifest.amended, len(segment.ids)) == (None, None, 37)
    assert "nothing to do" in preprocessing("compact", "photos")
    assert "all whole" in preprocessing("verify", "photos", "--images")


def test_verify_finds_a_flipped_bit_in_any_file(preprocessing: Preprocessing, source: Path) -> None:
    preprocessing.build(source, *ONE)
    write_images(source, 2, seed=5, suffix=".jpg")
    write_captions(source, 30, n9="said again")
    preprocessing("add", "photos", *ONE)
    preprocessing("delete", "photos", "--id", 2)
    folder = preprocessing.catalogue().path
    chance = random.Random(0)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock"]
    assert len(files) >= 18
    for path in files:
        content = path.read_bytes()
        for position in {0, len(content) - 1, *(chance.randrange(len(content)) for _ in range(2))}:
            flipped = bytearray(content)
            flipped[position] ^= 1 << chance.randrange(8)
            path.write_bytes(flipped)
            assert path.name in preprocessing("verify", "photos", status=1), (path, position)
        path.unlink()
        if path.name != "manifest.json" and path.parent.name != "generations":
            assert path.name in preprocessing("verify", "photos", status=1)
        path.write_bytes(content)
    (source / "0003.png").write_bytes(b"another picture")
    assert "all whole" in preprocessing("verify", "photos")
    assert "0003.png is not the one" in preprocessing("verify", "photos", "--images", status=1)


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_an_addition_killed_at_any_step_leaves_a_whole_catalogue(models_dir: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.killed", "tests.pipeline.growing", str(tmp_path)]
    environment = {**os.environ, "MODELS_DIR": str(models_dir), "HF_HUB_OFFLINE": "1"}
    result = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=1_190)
    assert result.returncode == 0, result.stderr[-3_000:]
    assert int(result.stdout.split()[-2]) > 30


def test_ctrl_c_while_adding_keeps_what_was_embedded(preprocessing: Preprocessing, source: Path) -> None:
    preprocessing.build(source, *ONE)
    write_images(source, 120, seed=8, suffix=".jpg")
    process = preprocessing.start("add", "photos", "--shard-size", 4, "--batch-size", 2, *ONE)
    shards = len(list(preprocessing.work().glob("shards/*/*.json")))
    while len(list(preprocessing.work().glob("shards/*/*.json"))) < shards + 3:
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "goes on from there" in errors.strip().splitlines()[-1]
    assert preprocessing.catalogue().generation == 1
    assert "add: 120 added" in preprocessing("add", "photos", *ONE)


def test_other_writers_wait_their_turn(preprocessing: Preprocessing, source: Path) -> None:
    preprocessing.build(source, *ONE)
    with CatalogueChange(preprocessing.catalogue().path):
        for arguments in (("delete", "photos", "--id", 1), ("compact", "photos"), ("add", "photos", *ONE)):
            assert "is being written by another process. Wait until it ends." in one_line(
                preprocessing(*arguments, status=1)
            )
    assert preprocessing.catalogue().generation == 1


def test_a_catalogue_grows_only_with_its_own_model(
    preprocessing: Preprocessing, source: Path, models_dir: Path, tmp_path: Path
) -> None:
    import shutil

    own = tmp_path / "models"
    shutil.copytree(models_dir, own)
    grown = Preprocessing(own, preprocessing.data_dir)
    grown.build(source, *ONE)
    shutil.rmtree(own / "tiny")
    shutil.copytree(own / "other", own / "tiny")
    assert "build the catalogue again" in one_line(grown("add", "photos", *ONE, status=2))
    shutil.rmtree(own / "tiny")
    assert "tiny" in one_line(grown("add", "photos", *ONE, status=2))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 2 MiB; skips where it cannot be mounted."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_leaves_the_generation_before(models_dir: Path, small_disk: Path, source: Path) -> None:
    preprocessing = Preprocessing(models_dir, small_disk)
    preprocessing.build(source, *ONE)
    write_images(source, 20, seed=3, suffix=".jpg")
    before = contents(preprocessing.catalogue())
    for leave in (0, 4_096, 16_384):
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        (small_disk / "ballast").write_bytes(b"\0" * max(0, free - leave))
        assert "no space is left on the disk" in one_line(preprocessing("add", "photos", *ONE, status=1))
        if leave < 16_384:
            assert "no space is left" in one_line(preprocessing("delete", "photos", "--id", 1, status=1))
        assert contents(preprocessing.catalogue()) == before
        (small_disk / "ballast").unlink()
    assert "add: 20 added" in preprocessing("add", "photos", *ONE)
    assert "all whole" in preprocessing("verify", "photos")


def test_info_says_what_a_catalogue_holds(preprocessing: Preprocessing, source: Path) -> None:
    import json

    preprocessing.build(source, *ONE)
    preprocessing("delete", "photos", "--id", 1)
    said = preprocessing("info", "photos")
    assert "items         29 (ids below 31 are used)" in said
    assert "metadata      place" in said
    values = json.loads(preprocessing("info", "photos", "--json"))
    assert (values["items"], values["deleted_rows"], values["deleted_on_purpose"]) == (29, 1, 1)
    assert (values["generation"], values["earlier_generations"]) == (2, [1])
    assert pq.read_table(preprocessing.catalogue().path / "removed-000002.parquet").num_rows == 1
