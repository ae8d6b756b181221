"""Backups under writes, and a lost data folder put back: the same answers."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from clip_branches.backup import folder
from clip_branches.backup.catalogues import check_catalogue, copy_catalogue
from clip_branches.catalogue import Catalogue
from clip_branches.errors import Conflict, DamagedFile, NotFound
from tests.faults.fleet import NAME, Fleet, until
from tests.pipeline.support import Preprocessing, everything
from tests.running import ROOT

pytestmark = pytest.mark.slow
LABELS = {"text": "red", "positive": [1, 2, 3], "negative": [9]}


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    texts = [sys.executable, "-m", "clip_branches.backup", *(str(argument) for argument in arguments)]
    return subprocess.run(texts, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_a_lost_data_folder_is_put_back(own_data: Path, tmp_path: Path, fleet: Callable[..., Fleet]) -> None:
    """Backed up while searches are saved; every file is gone; then answers, pictures and saved searches are back."""
    running = fleet()
    known = running.found(**LABELS)
    told: list[str] = []
    failed: list[str] = []
    ended = threading.Event()

    def keep_saving() -> None:
        while not ended.is_set():
            name = f"search {len(told)}"
            answer = running.save(name, known["result_set"])
            if answer.status_code != 201:
                failed.append(answer.text)
                return
            told.append(name)

    writer = threading.Thread(target=keep_saving)
    writer.start()
    backup = tmp_path / "backup"
    said_before: set[str] = set()
    for _ in range(3):  # again and again: only what is new is copied
        count = len(said_before)
        until(lambda count=count: len(told) > count or failed)  # type: ignore[misc]
        said_before = set(told)
        done = command("create", backup, "--data-dir", own_data)
        assert done.returncode == 0, done.stderr
    ended.set()
    writer.join()
    assert not failed
    assert "noise (generation 1)" in done.stdout
    assert command("verify", backup).returncode == 0
    picture = running.image(7).content
    running.stop()
    shutil.rmtree(own_data)
    own_data.mkdir()
    (own_data / "logs").mkdir()
    done = command("restore", backup, "--data-dir", own_data)
    assert done.returncode == 0, done.stderr
    running.start()
    running.wait_until_ready()
    assert running.found(**LABELS) == known
    assert running.image(7).content == picture
    assert said_before <= set(running.saved()) <= set(told)
    # Nothing that is there is written over.
    refused = command("restore", backup, "--data-dir", own_data)
    assert refused.returncode == 1
    assert "saved/searches.sqlite, catalogues/noise" in refused.stderr


def test_a_catalogue_that_changes_meanwhile(own_data: Path, fault_models: Path, tmp_path: Path) -> None:
    """Copied over and over while images are deleted and it is compacted: every copy is one whole generation."""
    source, target = own_data / "catalogues" / NAME, tmp_path / "copy" / "catalogues" / NAME
    generations: list[int] = []
    failed: list[BaseException] = []
    ended = threading.Event()

    def keep_copying() -> None:
        while not ended.is_set():
            try:
                copy_catalogue(source, target)
                generations.append(check_catalogue(target).generation)
            except BaseException as error:  # noqa: BLE001 - told by the test's own thread
                failed.append(error)
                return

    copier = threading.Thread(target=keep_copying)
    copier.start()
    work = Preprocessing(fault_models, own_data)
    for number in range(4):
        work("delete", NAME, "--id", 5 + number)
        work("compact", NAME)
        copied = len(generations)
        until(lambda copied=copied: len(generations) > copied or failed)  # type: ignore[misc]
    ended.set()
    copier.join()
    assert not failed
    assert len(set(generations)) >= 2
    copy_catalogue(source, target)
    assert everything(Catalogue.open(target, verify=True)) == everything(Catalogue.open(source, verify=True))
    # What the catalogue gave up is not kept for ever.
    names = {path.relative_to(target) for path in target.rglob("*") if path.is_file()}
    assert names == {Path("manifest.json"), *(Path(name) for name in check_catalogue(target).files())}


def test_damage_never_gets_into_a_backup_and_is_found_in_one(own_data: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    (own_data / "access").mkdir(mode=0o700)
    for name in ("keys.json", "secret"):
        (own_data / "access" / name).write_text("{}")
        (own_data / "access" / name).chmod(0o600)
    folder.copy(own_data, backup, images=False)
    # Keys, which are hashed, are kept; the secret of sessions is not.
    (kept,) = (backup / "access").iterdir()
    assert (kept.name, kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == ("keys.json", 0o600, 0o700)
    codes = next((own_data / "catalogues" / NAME / "segments").glob("*/boxes.cbx"))
    content = bytearray(codes.read_bytes())
    content[-1] ^= 1
    codes.write_bytes(content)
    with pytest.raises(DamagedFile, match=r"boxes\.cbx"):
        folder.copy(own_data, tmp_path / "other", images=False)
    assert folder.check(backup).catalogues == {NAME: 1}
    kept = next((backup / "catalogues" / NAME / "segments").glob("*/boxes.cbx"))
    kept.write_bytes(content)
    with pytest.raises(DamagedFile, match=r"boxes\.cbx"):
        folder.restore(backup, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with pytest.raises(NotFound):
        folder.check(tmp_path)
    with pytest.raises(DamagedFile):
        folder.restore(backup, own_data)
    codes.write_bytes(bytes(content[:-1]) + bytes([content[-1] ^ 1]))
    shutil.copy(codes, kept)
    with pytest.raises(Conflict, match=r"access/keys\.json, catalogues/noise"):
        folder.restore(backup, own_data)
