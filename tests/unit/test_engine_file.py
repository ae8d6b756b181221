from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clip_branches.engine import Box, BoxIndex
from clip_branches.errors import DamagedFile
from tests.unit.engine_codes import clumps

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "boxes_v1.cbx"
BOXES = [Box([0, 5], [100, 0], [200, 140]), Box([7], [128], [255])]


def _golden_codes() -> np.ndarray:
    """By a formula, so that no generator of random numbers has to stay as it is for ever."""
    row, column = np.ogrid[:77, :32]
    return ((row * 37 + column * 101 + row * column * 13) % 256).astype(np.uint8)


def _answers(index: BoxIndex) -> tuple[bytes, ...]:
    parts = (*index.query(BOXES), index.codes(), *index.nearest(np.arange(32) - 15.5, 9))
    return tuple(part.tobytes() for part in parts)


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, BoxIndex]:
    index = BoxIndex.build(clumps(100)[0], block_size=16)
    path = tmp_path / "boxes.cbx"
    index.save(path)
    return path, index


@pytest.mark.parametrize("presorted", [False, True])
def test_what_is_saved_is_what_opens(tmp_path: Path, presorted: bool) -> None:
    index = BoxIndex.build(clumps(5_000)[0], presorted=presorted)
    index.save(tmp_path / "boxes.cbx")
    for verify in (False, True):
        opened = BoxIndex.open(tmp_path / "boxes.cbx", verify=verify)
        assert opened.presorted == presorted
        assert _answers(opened) == _answers(index)
    assert [path.name for path in tmp_path.iterdir()] == ["boxes.cbx"]


def test_a_presorted_index_costs_little_more_than_its_codes(tmp_path: Path) -> None:
    n = 50_000
    BoxIndex.build(clumps(n)[0], presorted=True).save(tmp_path / "boxes.cbx")
    assert (tmp_path / "boxes.cbx").stat().st_size / n < 32.2


def test_the_golden_file_of_version_1_opens_and_answers() -> None:
    """It stays for ever: a change that breaks it needs a new version, and a reader of this one."""
    index = BoxIndex.open(GOLDEN)
    codes = _golden_codes()
    assert np.array_equal(index.codes(), codes)
    inside = np.flatnonzero(BOXES[0].contains(codes) | BOXES[1].contains(codes))
    assert index.query(BOXES)[0].tolist() == inside.tolist()
    assert len(inside) > 0


def test_the_same_codes_still_make_the_golden_file(tmp_path: Path) -> None:
    BoxIndex.build(_golden_codes(), block_size=16).save(tmp_path / "boxes.cbx")
    assert (tmp_path / "boxes.cbx").read_bytes() == GOLDEN.read_bytes()


def test_a_file_cut_anywhere_is_damaged(saved: tuple[Path, BoxIndex]) -> None:
    path, _ = saved
    whole = path.read_bytes()
    for length in {*range(0, 140), *range(140, len(whole), 37), len(whole) - 1}:
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedFile, match=r"boxes\.cbx"):
            BoxIndex.open(path)


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_bit_is_noticed_or_changes_nothing(saved: tuple[Path, BoxIndex], data: st.DataObject) -> None:
    path, _ = saved
    damaged = bytearray(GOLDEN.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(damaged)
    try:
        answers = _answers(BoxIndex.open(path))
    except DamagedFile as error:
        named = str(path) in str(error)
    else:
        named = answers == _answers(BoxIndex.open(GOLDEN))
    assert named


def test_foreign_files_other_versions_and_no_file_say_so(tmp_path: Path) -> None:
    path = tmp_path / "boxes.cbx"
    path.write_bytes(b"PK\x03\x04" + bytes(500))
    with pytest.raises(DamagedFile, match="is not a box index"):
        BoxIndex.open(path)
    newer = bytearray(GOLDEN.read_bytes())
    newer[8] = 2
    path.write_bytes(newer)
    with pytest.raises(DamagedFile, match=r"must be a box index of version 1\. Got version 2"):
        BoxIndex.open(path)
    with pytest.raises(DamagedFile, match="cannot be read"):
        BoxIndex.open(tmp_path / "none.cbx")
    with pytest.raises(DamagedFile, match="cannot be read"):
        BoxIndex.open(tmp_path)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "boxes.cbx"
    path.mkdir()
    (path / "kept").write_text("x")
    with pytest.raises(OSError, match="boxes"):
        BoxIndex.build(np.zeros((3, 32), np.uint8)).save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["boxes.cbx"]
