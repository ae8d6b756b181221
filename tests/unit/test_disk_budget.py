"""A cache on disk within its bytes."""

from __future__ import annotations

import os
from pathlib import Path

from clip_branches.disk_budget import DiskBudget


def written(folder: Path, budget: DiskBudget, name: str, size: int, age: int) -> Path:
    path = folder / "a" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (1_000_000 - age, 1_000_000 - age))
    budget.wrote(size)
    return path


def test_what_was_not_read_for_longest_goes_first(tmp_path: Path) -> None:
    budget = DiskBudget(tmp_path, "*/*.bin", 1_000)
    old, older, new = (written(tmp_path, budget, f"{age}.bin", 300, age) for age in (20, 30, 10))
    other = written(tmp_path, budget, "kept.json", 50, 90)
    budget.read(older)
    written(tmp_path, budget, "last.bin", 300, 0)
    left = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert not old.exists()
    assert not new.exists()  # 1,200 bytes come down to at most four fifths of 1,000
    assert left == sorted([older.name, other.name, "last.bin"])


def test_within_the_budget_nothing_goes(tmp_path: Path) -> None:
    budget = DiskBudget(tmp_path, "*/*.bin", 1_000)
    for age in range(10):
        written(tmp_path, budget, f"{age}.bin", 100, age)
    assert len(list((tmp_path / "a").iterdir())) == 10


def test_files_that_others_removed_are_no_error(tmp_path: Path) -> None:
    budget = DiskBudget(tmp_path / "not there", "*/*.bin", 0)
    budget.wrote(1)
    budget.read(tmp_path / "gone")


def test_it_says_what_the_folder_holds(tmp_path: Path) -> None:
    budget = DiskBudget(tmp_path, "*/*.bin", 1_000)
    for age in range(12):
        written(tmp_path, budget, f"{age}.bin", 100, age)
        assert budget.used_bytes() == sum(path.stat().st_size for path in tmp_path.glob("*/*.bin"))
