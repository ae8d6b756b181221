from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clip_branches.engine import AnswerSet
from clip_branches.engine.answers import best_first
from clip_branches.errors import InvalidInput
from tests import naive


def _answer(ids: list[int], scores: list[float], votes: list[int] | None = None) -> AnswerSet:
    counted = None if votes is None else np.array(votes, np.int16)
    return AnswerSet.ordered(np.array(ids, np.uint64), np.array(scores, np.float32), counted)


@given(
    st.lists(st.floats(-(2.0**90), 2.0**90, width=32) | st.sampled_from((0.0, -0.0, 1.0)), max_size=40),
    st.sampled_from((0, 2**32 - 60, 2**40)),
    st.integers(0, 99),
)
@settings(max_examples=100, deadline=None)
def test_order_is_score_descending_then_id_ascending(scores: list[float], first: int, seed: int) -> None:
    ids = first + np.random.default_rng(seed).permutation(len(scores)).astype(np.uint64)
    order = best_first(np.array(scores, np.float32), ids)
    assert ids[order].tolist() == naive.best_first(ids.tolist(), scores)


@pytest.mark.parametrize("few", [1, 6_000], ids=["all alike", "hardly alike"])
@pytest.mark.parametrize("first", [0, 2**32 - 6_000])
def test_large_answers_are_in_the_same_order(few: int, first: int) -> None:
    generator = np.random.default_rng(5)
    ids = first + generator.permutation(6_000).astype(np.uint64)
    scores = generator.normal(size=few).astype(np.float32)[generator.integers(0, few, 6_000)]
    scores[:40] = np.repeat(np.array([0.0, -0.0], np.float32), 20)
    votes = generator.integers(1, 9, 6_000).astype(np.int16)
    expected = naive.best_first(ids.tolist(), scores.tolist())
    assert ids[best_first(scores, ids)].tolist() == expected
    plain, voted = AnswerSet.ordered(ids, scores), AnswerSet.ordered(ids, scores, votes)
    assert plain.ids.tolist() == voted.ids.tolist() == expected
    vote_of = dict(zip(ids.tolist(), votes.tolist(), strict=True))
    assert voted.votes is not None
    assert voted.votes.tolist() == [vote_of[item] for item in expected]


def test_pages_tile_the_answer_and_end_where_it_ends() -> None:
    answer = _answer([5, 3, 9, 1], [0.1, 0.9, 0.9, -1], [1, 2, 3, 0])
    assert answer.total == 4
    assert answer.ids.tolist() == [3, 9, 5, 1]
    pages = [answer.page(offset, 3) for offset in (0, 3, 6)]
    assert [page.ids.tolist() for page in pages] == [[3, 9, 5], [1], []]
    assert pages[0].votes is not None
    assert pages[0].votes.tolist() == [2, 3, 1]
    for offset, limit in ((-1, 3), (0, -3)):
        with pytest.raises(InvalidInput, match="must be >= 0"):
            answer.page(offset, limit)


def test_changes_say_what_came_in_and_went_out_in_order() -> None:
    earlier = _answer([1, 2, 3], [3, 2, 1])
    later = _answer([3, 4, 5], [1, 7, 9], [1, 2, 2])
    came_in, went_out = later.changes(earlier)
    assert came_in.ids.tolist() == [5, 4]
    assert came_in.votes is not None
    assert went_out.ids.tolist() == [1, 2]
    assert went_out.votes is None
    assert later.changes(later)[0].total == 0
