"""What a few labels, slips among them, may and may not do: large answers where words are silent, clumps of too few."""

from __future__ import annotations

import numpy as np
import pytest

from clip_branches.engine.calibration import calibrate
from clip_branches.engine.clump import find_clump
from clip_branches.engine.readings import Readings

DIMS = 32


def accepted(silent: float, right_of_ten: int) -> float:
    """Share of a catalogue that is accepted after ten labels of a first page that the scores do not tell apart."""
    generator = np.random.default_rng(0)
    scores = generator.normal(size=4_000)
    page = generator.permutation(np.argsort(-scores)[:60])[:10]
    right = np.arange(10) < right_of_ten
    found = calibrate(scores[:1_000], scores[page], right, np.ones(10), 1.5, silent)
    return float((found.slope * scores + found.offset >= found.cut).mean())


@pytest.mark.parametrize("right", [2, 3, 5])
def test_words_that_may_say_nothing_make_a_larger_answer(right: int) -> None:
    assert accepted(0.9, right) > 2 * accepted(0.0, right)


def evidence(members: int, images: int = 1_000, wrong_marks: int = 0) -> float:
    """Of the clump that ten right and ten wrong labels point at, ``wrong_marks`` of the right ones turned round."""
    generator = np.random.default_rng(1)
    x = generator.normal(size=(images, DIMS))
    inside = np.arange(images) < members
    x[inside] += 3.0
    chosen = np.concatenate([generator.choice(members, 10), members + generator.choice(images - members, 10)])
    right = np.arange(20) < 10
    right[:wrong_marks] = False
    rest = x - x.mean(axis=0)
    covariance = rest.T @ rest / images
    readings = Readings(rest[chosen], right, np.ones(20), rest, covariance, None)
    return find_clump(readings.free(), rest[chosen], right, rest, covariance).evidence


def test_a_clump_of_too_few_images_is_no_evidence() -> None:
    assert evidence(150) > -12
    assert evidence(30) == -np.inf
    assert evidence(30, images=200) > -12  # of a small sample a tenth is enough


def test_slips_cost_a_clump_a_little_each() -> None:
    clean, one, three = (evidence(150, wrong_marks=slips) for slips in (0, 1, 3))
    assert clean > one > three > clean - 12
