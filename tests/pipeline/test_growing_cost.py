"""What ``add`` costs, as behaviour: the files that it opens, counted in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.support import REPOSITORY, Preprocessing, environment, write_images

COUNTING = """
import json, sys
from pathlib import Path

opened = []
sys.addaudithook(lambda event, told: opened.append(str(told[0])) if event == "open" else None)
from preprocessing.cli import main

try:
    main(sys.argv[2:], prog_name="preprocessing")
finally:
    Path(sys.argv[1]).write_text(json.dumps(opened))
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    for path in write_images(folder, 60):
        path.with_suffix(".txt").write_text(f"picture {path.stem}")
    return folder


def opened(preprocessing: Preprocessing, tmp_path: Path, *arguments: object) -> tuple[str, list[Path]]:
    """The command's output, and every file that it opened, in order."""
    counted = tmp_path / "opened.json"
    told = [*map(str, arguments), "--data-dir", str(preprocessing.data_dir), "--workers", "1", "--threads", "1"]
    done = subprocess.run(
        [sys.executable, "-c", COUNTING, str(counted), *told],
        cwd=REPOSITORY,
        env=environment(preprocessing.models_dir),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, [Path(name) for name in json.loads(counted.read_text())]


def test_adding_reads_what_is_new_and_nothing_that_is_known(
    preprocessing: Preprocessing, source: Path, tmp_path: Path
) -> None:
    preprocessing.build(source, "--workers", 1, "--threads", 1)
    segments = preprocessing.catalogue().path / "segments"
    output, files = opened(preprocessing, tmp_path, "add", "photos")
    assert "add: 0 added, 60 as they were" in output
    assert not [path for path in files if path.is_relative_to(source)]
    assert not [path for path in files if path.suffix == ".npy" and path.is_relative_to(preprocessing.work())]

    (new,) = write_images(source, 1, seed=9, suffix=".webp")
    new = new.rename(source / "new.webp")
    new.with_suffix(".txt").write_text("a new one")
    (source / "0007.txt").write_text("described anew")
    output, files = opened(preprocessing, tmp_path, "add", "photos")
    assert "add: 1 added, 1 amended, 59 as they were" in output
    read = [path.name for path in files if path.is_relative_to(source)]
    assert set(read) == {"new.webp", "new.txt", "0007.txt"}
    assert len(read) == 4  # the image once to be looked at, and once to be embedded
    # Of what was there, no embedding and no index is opened; ids and items are, to be compared.
    old = [path for path in files if path.is_relative_to(segments / "g000001-000")]
    assert {path.name for path in old} <= {"ids.npy", "embeddings.npy", "items.parquet"}
    shards = {path.name for path in files if path.suffix == ".npy" and path.is_relative_to(preprocessing.work())}
    assert "000000.npy" not in shards
    assert "000001.npy" in shards
