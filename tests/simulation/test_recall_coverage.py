"""How often the interval for what an answer misses covers the truth, over simulated people."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from clip_branches.engine.recall import Side, completeness


@pytest.mark.parametrize(
    ("inside", "outside"),
    [((300, 285), (5_000, 15)), ((300, 150), (5_000, 300)), ((60, 60), (20_000, 2)), ((900, 40), (900, 20))],
)
def test_the_interval_covers_the_truth(inside: tuple[int, int], outside: tuple[int, int]) -> None:
    """1,000 simulated people in all, each of whom may stop at any moment: the truth lies inside at every look.

    A person draws up to 60 images from outside and 30 from inside and looks at the interval six times. One miss at any
    look is a miss of the run. At least 93 % of the runs must have none; the method promises 95 %.
    """
    runs, covered = 250, 0
    generator = np.random.default_rng([*inside, *outside])
    truth = inside[1] / (inside[1] + outside[1])

    @cache
    def holds(step: int, right_inside: int, right_outside: int) -> bool:
        sides = Side(inside[0], 5 * step, right_inside), Side(outside[0], 10 * step, right_outside)
        found = completeness(*sides, answer=inside[0])
        return found.recall.low <= truth <= found.recall.high and found.missing.low <= outside[1] <= found.missing.high

    for _ in range(runs):
        drawn_in = np.cumsum(generator.permutation(inside[0])[:30] < inside[1])
        drawn_out = np.cumsum(generator.permutation(outside[0])[:60] < outside[1])
        covered += all(holds(n, int(drawn_in[5 * n - 1]), int(drawn_out[10 * n - 1])) for n in range(1, 7))
    assert covered >= 0.93 * runs
