"""A change of a catalogue, killed at every step that it takes on the disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.timeout(900)
def test_a_change_killed_at_any_step_leaves_a_whole_catalogue(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.killed", "tests.pipeline.changes", str(tmp_path)]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=890)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout.split()[0]) > 30
