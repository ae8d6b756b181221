from __future__ import annotations

import sqlite3

import numpy as np
import pytest
from hypothesis import given, settings

from clip_branches.engine import Box
from clip_branches.errors import InvalidInput
from tests import naive
from tests.unit.engine_codes import box_lists, code_tables


@pytest.mark.parametrize(
    ("features", "low", "high"),
    [
        ([32], [0], [1]),
        ([-1], [0], [1]),
        ([1, 1], [0, 0], [1, 1]),
        ([1], [0, 0], [1]),
        ([1], [0], [256]),
        ([1], [-1], [2]),
        ([1.5], [0], [1]),
        ("ab", [0], [1]),
        ([[1]], [0], [1]),
    ],
)
def test_a_box_that_makes_no_sense_is_refused(features: object, low: object, high: object) -> None:
    with pytest.raises(InvalidInput, match="of Box must be"):
        Box(features, low, high)  # type: ignore[arg-type]


def test_a_box_is_a_value() -> None:
    box = Box(np.array([3, 7], np.uint8), [10, 0], [90, 255])
    assert box == Box((3, 7), (10, 0), (90, 255))
    assert len({box, Box([3, 7], [10, 0], [90, 255])}) == 1
    with pytest.raises(AttributeError):
        box.low = (0, 0)  # type: ignore[misc]


def test_bounds_are_closed_and_crossed_bounds_hold_nothing() -> None:
    codes = np.tile(np.arange(256, dtype=np.uint8)[:, None], (1, 32))
    assert Box([4], [10], [12]).contains(codes).nonzero()[0].tolist() == [10, 11, 12]
    assert Box([4], [12], [10]).contains(codes).sum() == 0
    assert Box([4], [255], [255]).contains(codes).nonzero()[0].tolist() == [255]
    assert Box([], [], []).contains(codes).all()


@given(codes=code_tables(), boxes=box_lists())
@settings(max_examples=60, deadline=None)
def test_contains_equals_its_twin_and_the_sql_shown_selects_the_same_rows(codes: np.ndarray, boxes: list[Box]) -> None:
    database = sqlite3.connect(":memory:")
    columns = ", ".join(f"f{d} INTEGER" for d in range(32))
    database.execute(f"CREATE TABLE codes ({columns})")
    marks = ", ".join("?" * 32)
    database.executemany(f"INSERT INTO codes VALUES ({marks})", codes.tolist())
    for box in boxes:
        ref = [naive.inside(box, code) for code in codes]
        assert box.contains(codes).tolist() == ref
        chosen = database.execute(f"SELECT rowid - 1 FROM codes WHERE {box.sql()} ORDER BY rowid").fetchall()
        assert [row for (row,) in chosen] == np.flatnonzero(ref).tolist()
    database.close()
