"""Threads that share a query: the same answer on 1 and on 8, errors that arrive, many callers at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from clip_branches.engine import Box, BoxIndex, index_order
from clip_branches.engine.box import members
from clip_branches.engine.reading import Reading
from clip_branches.engine.workers import Workers
from clip_branches.errors import InvalidInput
from tests import naive
from tests.unit.engine_codes import clumps


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_map_gives_results_in_order_and_uses_no_more_threads_than_it_may(threads: int) -> None:
    workers = Workers(threads)
    seen = set()

    def double(x: int) -> int:
        seen.add(threading.get_ident())
        return 2 * x

    assert workers.map(double, range(100)) == [2 * x for x in range(100)]
    assert 1 <= len(seen) <= threads
    assert workers.map(double, []) == []


def test_an_error_of_a_part_is_raised() -> None:
    def fail(x: int) -> int:
        if x == 37:
            raise InvalidInput("part 37")
        return x

    for threads in (1, 4):
        with pytest.raises(InvalidInput, match="part 37"):
            Workers(threads).map(fail, range(80))


def test_ranges_cover_all_once() -> None:
    for threads in (1, 3, 8):
        for count in (0, 1, 7, 1000):
            ranges = Workers(threads).ranges(count, 5)
            assert [i for start, stop in ranges for i in range(start, stop)] == list(range(count))
    for wrong in (0, -1, 1.5):
        with pytest.raises(InvalidInput, match="'threads' of Workers"):
            Workers(wrong)  # type: ignore[arg-type]


def _answers(codes: np.ndarray, threads: int) -> list[bytes]:
    workers = Workers(threads)
    index = BoxIndex.build(codes, block_size=16, workers=workers)
    boxes = [Box([1, 2], [60, 60], [190, 190]), Box([9, 3, 4, 7, 8], [0] * 5, [128, 150, 140, 190, 130])]
    weights = np.random.default_rng(0).normal(size=32)
    rows = np.random.default_rng(1).permutation(len(codes))[:3000]
    return [
        part.tobytes()
        for part in (
            index_order(codes, block_size=16, workers=workers), index.codes(), *index.query(boxes),
            *index.vote([boxes, boxes[:1]], 2), index.count(boxes), index.count_rows(boxes, rows),
            *index.above(weights, 0.0, 10.0), *index.nearest(weights, 60), index.score_all(weights),
            index.score(rows, weights),
        )
    ]  # fmt: skip


def test_the_same_answer_on_one_thread_and_on_eight_also_for_many_callers() -> None:
    codes, _ = clumps(30_000)
    alone = _answers(codes, 1)
    assert _answers(codes, 2) == alone
    index = BoxIndex.build(codes, block_size=16, workers=Workers(8))
    assert _answers(codes, 8) == alone
    weights = np.random.default_rng(0).normal(size=32)
    expected = index.above(weights, 0.0, 10.0)[0].tobytes()
    with ThreadPoolExecutor(6) as pool:
        found = pool.map(lambda _: index.above(weights, 0.0, 10.0)[0].tobytes(), range(30))
        assert set(found) == {expected}


def test_a_query_says_what_it_read_and_a_small_box_reads_little() -> None:
    codes, _ = clumps(20_000)
    index = BoxIndex.build(codes, block_size=64)
    total = -(-len(codes) // 64)
    reading = Reading()
    index.noting(reading).query([Box([0], [0], [255])])
    assert reading.to_json() == {"blocks": total, "blocks_total": total, "bytes": 0}
    reading = Reading()
    code = codes[5].astype(int)
    narrow = Box(range(8), np.maximum(code[:8] - 3, 0), np.minimum(code[:8] + 3, 255))
    rows, _ = index.noting(reading).query([narrow])
    assert 5 in rows.tolist() == naive.query([narrow], codes)[0]
    assert 0 < reading.blocks < total / 4
    assert reading.bytes < codes.size / 16
    reading = Reading()
    index.noting(reading).above(np.ones(32), 0.0, 1e9)
    assert (reading.blocks, reading.bytes) == (0, 0)


def test_names_for_rows_decide_ties_and_are_what_is_answered() -> None:
    codes = np.repeat(clumps(40)[0], 50, axis=0)
    labels = np.random.default_rng(3).permutation(len(codes)) + 7
    weights = np.random.default_rng(0).normal(size=32)
    scores = naive.linear_scores(codes, weights, 0.0)
    ref = sorted(zip((-scores).tolist(), labels.tolist(), strict=True))
    for presorted in (False, True):
        index = BoxIndex.build(codes, presorted, block_size=64)
        for k in (1, 30, 60, 1_999):
            names, found = index.nearest(weights, k, labels=labels)
            assert list(zip((-found).tolist(), names.tolist(), strict=True)) == ref[:k]


def test_codes_and_membership_of_many_rows_are_those_of_each_row() -> None:
    codes, _ = clumps(6_000)
    boxes = [
        Box([1, 2], [90, 80], [150, 255]),
        Box([], [], []),
        Box([4], [9], [2]),
        Box([31, 0, 7, 9, 11], [80] * 5, [190] * 5),
    ]
    held = members(boxes, codes)
    for i in (0, 511, 512, 513, 1_023, 5_999):
        assert held[:, i].tolist() == [naive.inside(box, codes[i]) for box in boxes]
    assert held.sum(axis=1).tolist() == naive.count(boxes, codes)
    rows = np.random.default_rng(0).permutation(np.repeat(np.arange(len(codes)), 2))
    for threads in (1, 3):
        assert np.array_equal(BoxIndex.build(codes, workers=Workers(threads)).codes(rows), codes[rows])
