from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clip_branches.engine import Box, BoxIndex, index_order
from clip_branches.errors import InvalidInput
from tests import naive
from tests.unit.engine_codes import BLOCK, EDGES, box_lists, clumps, code_tables


def _indexes(codes: np.ndarray) -> list[tuple[BoxIndex, np.ndarray]]:
    """An index of the codes as they are, one of them in index order, and one that calls any order sorted."""
    order = index_order(codes, block_size=BLOCK)
    return [
        (BoxIndex.build(codes, block_size=BLOCK), codes),
        (BoxIndex.build(codes[order], presorted=True, block_size=BLOCK), codes[order]),
        (BoxIndex.build(codes, presorted=True, block_size=BLOCK), codes),
    ]


@given(codes=code_tables())
@settings(max_examples=40, deadline=None)
def test_index_order_is_a_permutation_and_codes_come_back(codes: np.ndarray) -> None:
    assert sorted(index_order(codes, block_size=BLOCK).tolist()) == list(range(len(codes)))
    for index, rows in _indexes(codes):
        assert index.n_rows == len(rows)
        assert np.array_equal(index.codes(), rows)
        backwards = np.arange(len(rows))[::-1]
        assert np.array_equal(index.codes(backwards), rows[backwards])


@given(codes=code_tables(), boxes=box_lists())
@settings(max_examples=80, deadline=None)
def test_query_and_count_equal_brute_force(codes: np.ndarray, boxes: list[Box]) -> None:
    for index, rows in _indexes(codes):
        ref_rows, ref_hits = naive.query(boxes, rows)
        comp_rows, comp_hits = index.query(boxes)
        union_rows, union_scores = index.union(boxes, np.linspace(-1, 2, 32), 0.7)
        assert union_rows.tolist() == ref_rows
        ref_scores = naive.linear_scores(rows, np.linspace(-1, 2, 32, dtype=np.float32), np.float32(0.7))
        assert union_scores.tolist() == ref_scores[ref_rows].tolist()
        assert comp_rows.tolist() == ref_rows
        assert comp_hits.tolist() == ref_hits
        assert comp_rows.dtype == np.int64
        assert index.count(boxes).tolist() == naive.count(boxes, rows)


@given(codes=code_tables(), branches=st.lists(box_lists(3), min_size=1, max_size=5), need=st.integers(1, 5))
@settings(max_examples=80, deadline=None)
def test_votes_count_branches_not_boxes(codes: np.ndarray, branches: list[list[Box]], need: int) -> None:
    ref = naive.branch_votes(branches, codes)
    rows, votes = BoxIndex.build(codes, block_size=BLOCK).vote(branches, need)
    assert rows.tolist() == np.flatnonzero(ref >= need).tolist()
    assert votes.tolist() == ref[ref >= need].tolist()


def test_more_than_255_boxes_on_one_row_are_counted() -> None:
    codes = np.full((3, 32), 7, np.uint8)
    boxes = [Box([d % 32], [d % 8], [7 + d % 9]) for d in range(700)]
    assert BoxIndex.build(codes).query(boxes)[1].tolist() == naive.query(boxes, codes)[1] == [700] * 3


@pytest.mark.parametrize("n", [1, 2, 999, 1000, 1023, 1024, 1025, 3000])
def test_small_catalogues_and_the_edges_of_the_real_block_size(n: int) -> None:
    """Fault 1 of the published code: a catalogue under 1,000 images overflowed its buffer."""
    codes, _ = clumps(n)
    index = BoxIndex.build(codes)
    everything, hits = index.query([Box([0], [0], [255]), Box([], [], [])])
    assert everything.tolist() == list(range(n))
    assert (hits == 2).all()
    box = Box([1, 9], [90, 80], [190, 200])
    assert index.query([box])[0].tolist() == np.flatnonzero(box.contains(codes)).tolist()


def test_no_boxes_and_empty_boxes_return_nothing() -> None:
    """Fault 7: no boxes was an error 500."""
    index = BoxIndex.build(np.zeros((5, 32), np.uint8))
    for boxes in ([], [Box([3], [9], [2])]):
        rows, hits = index.query(boxes)
        assert rows.tolist() == hits.tolist() == []
        assert index.count(boxes).tolist() == [0] * len(boxes)


weights_lists = st.lists(st.floats(-4, 4, width=32), min_size=32, max_size=32)


@given(codes=code_tables(), weights=weights_lists, bias=st.floats(-50, 50, width=32), at=st.floats(0, 1))
@settings(max_examples=80, deadline=None)
def test_linear_answers_equal_brute_force_to_the_bit(
    codes: np.ndarray, weights: list[float], bias: float, at: float
) -> None:
    for index, rows in _indexes(codes):
        ref = naive.linear_scores(rows, weights, bias)
        assert index.score_all(weights, bias).tobytes() == ref.tobytes()
        assert index.score(np.arange(len(rows)), weights, bias).tobytes() == ref.tobytes()
        threshold = float(np.sort(ref)[int(at * (len(ref) - 1))])
        found, scores = index.above(weights, bias, threshold)
        assert found.tolist() == np.flatnonzero(ref >= np.float32(threshold)).tolist()
        assert scores.tobytes() == ref[found].tobytes()
        for k in (1, max(1, len(ref) // 20), len(ref), len(ref) + 7):
            found, scores = index.nearest(weights, k, bias)
            assert found.tolist() == naive.nearest(ref, k)
            assert scores.tobytes() == ref[found].tobytes()


def test_nearest_of_many_ties_goes_by_row_also_where_blocks_are_pruned() -> None:
    codes, _ = clumps(2_000)
    codes = np.vstack([codes, codes])[np.random.default_rng(0).permutation(4_000)]
    weights = np.random.default_rng(1).normal(size=32)
    ref = naive.linear_scores(codes, weights, 0.5)
    for k in (1, 7, 60, 400):
        assert BoxIndex.build(codes, block_size=64).nearest(weights, k, 0.5)[0].tolist() == naive.nearest(ref, k)


@pytest.mark.parametrize("k", [0, -1, 1.5, True, None])
def test_k_must_be_a_positive_integer(k: object) -> None:
    with pytest.raises(InvalidInput, match=r"'k' of BoxIndex\.nearest must be an integer >= 1"):
        BoxIndex.build(np.zeros((5, 32), np.uint8)).nearest(np.ones(32), k)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "codes",
    [
        np.zeros((0, 32), np.uint8),
        np.zeros((3, 31), np.uint8),
        np.zeros(32, np.uint8),
        np.full((2, 32), 256),
        np.full((2, 32), -1),
        np.zeros((2, 32), np.float32),
    ],
)
def test_codes_that_are_no_codes_are_refused(codes: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match=r"The 'codes' of BoxIndex\.build must be"):
        BoxIndex.build(codes)


def test_rows_and_weights_are_checked() -> None:
    index = BoxIndex.build(np.zeros((5, 32), np.uint8))
    for rows in ([5], [-1], [0.5], [[1]]):
        with pytest.raises(InvalidInput, match=r"The 'rows' of BoxIndex\.codes must be"):
            index.codes(rows)
    for weights in (np.ones(31), np.full(32, np.nan), np.full(32, np.inf), np.full(32, 1e37)):
        with pytest.raises(InvalidInput, match="The 'weights'"):
            index.score_all(weights)
    with pytest.raises(InvalidInput, match="a list of Box"):
        index.query(["f3 > 2"])  # type: ignore[list-item]


@pytest.mark.parametrize("n", EDGES)
def test_the_same_answer_twice_and_from_threads_at_once(n: int) -> None:
    codes, _ = clumps(n)
    index = BoxIndex.build(codes, block_size=BLOCK)
    boxes = [Box([1, 2], [60, 60], [190, 190]), Box([9], [0], [128])]
    weights = np.random.default_rng(0).normal(size=32)

    def ask(_: int) -> tuple[bytes, ...]:
        answers = (*index.query(boxes), *index.above(weights, 0.0, 10.0), *index.nearest(weights, 5))
        return tuple(part.tobytes() for part in answers)

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(ask, range(24)))) == 1
