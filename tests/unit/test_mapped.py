"""What was read of a mapped file can be let go of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clip_branches.mapped import let_go, let_go_of_large

_BYTES = 64 << 20


def _resident(path: Path) -> int:
    """Kilobytes of the file that are mapped into this process and resident."""
    total, own = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split()[0]:
            own = line.endswith(str(path))
        elif own and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="this system does not say what is mapped")
def test_a_mapped_array_that_is_let_go_of_is_out_of_memory_and_still_there(tmp_path: Path) -> None:
    path = tmp_path / "ids.npy"
    np.save(path, np.arange(_BYTES // 8))
    array = np.load(path, mmap_mode="r")[8:]
    total = int(array.sum())
    assert _resident(path) * 1_024 > _BYTES // 2
    let_go_of_large(array)  # not large enough to matter
    assert _resident(path) * 1_024 > _BYTES // 2
    let_go(array)
    assert _resident(path) * 1_024 < _BYTES // 8
    assert int(array.sum()) == total


def test_an_array_of_its_own_is_left_as_it_is() -> None:
    array = np.arange(10)
    let_go(array[2:])
    assert array.tolist() == list(range(10))
