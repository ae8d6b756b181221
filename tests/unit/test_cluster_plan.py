"""Segments go to shards by rows, always alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clip_branches.cluster.plan import Plan
from clip_branches.errors import InvalidInput


def test_the_largest_go_first_each_to_the_emptiest_shard() -> None:
    plan = Plan.of([10, 70, 30, 60, 10], 2)
    assert plan.held == ((0, 1, 4), (2, 3))
    assert plan.shard.tolist() == [0, 0, 1, 1, 0]
    assert plan.start.tolist() == [0, 10, 0, 30, 80]
    shards, places = plan.places(np.array([4, 3, 0]), np.array([5, 0, 9]))
    assert (shards.tolist(), places.tolist()) == ([0, 1, 0], [85, 30, 9])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 1_000), min_size=1, max_size=40), st.integers(1, 9))
def test_every_row_has_one_place(rows: list[int], shards: int) -> None:
    plan = Plan.of(rows, shards)
    assert len(plan.held) == min(shards, len(rows))
    assert sorted(segment for held in plan.held for segment in held) == list(range(len(rows)))
    for held in plan.held:
        places = [plan.start[segment] + row for segment in held for row in (0, rows[segment] - 1)]
        assert places == sorted(places)
        assert places[-1] == sum(rows[segment] for segment in held) - 1
    loads = [sum(rows[segment] for segment in held) for held in plan.held]
    assert max(loads) - min(loads) <= max(rows)
    assert Plan.of(rows, shards).held == plan.held


def test_there_is_a_shard() -> None:
    with pytest.raises(InvalidInput, match="'shards' of Plan"):
        Plan.of([3], 0)
