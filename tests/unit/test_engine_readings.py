"""Readings of the labels are weighed by evidence: the words, the labels alone, or a clump that the labels point at."""

from __future__ import annotations

import numpy as np
import pytest

from clip_branches.engine.clump import find_clump
from clip_branches.engine.readings import Reading, Readings, average, unit

DIMS = 32
TEXT, OWN = np.eye(DIMS)[0], np.eye(DIMS)[1]


def catalogue(gap: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Random rows (1500, 32), centred, and who is in the clump that stands apart along one axis, a quarter of them."""
    generator = np.random.default_rng(3)
    rows = generator.normal(size=(1_500, DIMS))
    clump = generator.random(len(rows)) < 0.25
    rows[clump, 1] += gap
    return rows - rows.mean(axis=0), clump


def labelled(rows: np.ndarray, truth: np.ndarray, each: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows that a user would mark on the first pages of a text search, and what is said of them."""
    page = np.random.default_rng(seed).permutation(np.argsort(-(rows @ TEXT))[:200])
    chosen = np.concatenate([page[truth[page]][:each], page[~truth[page]][:each]])
    return chosen, truth[chosen]


def weighed(rows: np.ndarray, chosen: np.ndarray, right: np.ndarray) -> tuple[Readings, Reading]:
    covariance = rows.T @ rows / len(rows)
    readings = Readings(rows[chosen], right, np.ones(len(chosen)), rows[:1_000], covariance, unit(TEXT, covariance))
    return readings, readings.weigh()


def average_precision(scores: np.ndarray, truth: np.ndarray) -> float:
    hits = np.cumsum(truth[np.argsort(-scores)])[np.sort(np.flatnonzero(truth[np.argsort(-scores)]))]
    return float((hits / (np.flatnonzero(truth[np.argsort(-scores)]) + 1)).mean())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("each", [3, 5, 10])
def test_where_the_words_say_it_labels_take_little_away(each: int, seed: int) -> None:
    rows, _ = catalogue()
    truth = rows @ TEXT + np.random.default_rng(seed).normal(0, 0.3, len(rows)) > 1.5
    _, reading = weighed(rows, *labelled(rows, truth, each, seed))
    assert reading.trust > 0.6
    assert average_precision(rows @ reading.direction, truth) > average_precision(rows @ TEXT, truth) - 0.05


def test_where_the_words_do_not_say_it_the_labels_are_heard() -> None:
    rows, _ = catalogue()
    truth = rows @ OWN > 0.3
    _, reading = weighed(rows, *labelled(rows, truth, 25))
    assert reading.trust < 0.3
    assert reading.direction @ OWN > 0.5


def test_a_flipped_label_moves_little() -> None:
    rows, _ = catalogue()
    truth = rows @ TEXT > 1.2
    chosen, right = labelled(rows, truth, 10)
    slipped = right.copy()
    slipped[0] = not slipped[0]
    before, after = (weighed(rows, chosen, said)[1].direction for said in (right, slipped))
    assert np.corrcoef(rows @ before, rows @ after)[0, 1] > 0.9


def test_right_labels_alone_leave_the_words_as_they_are() -> None:
    rows, _ = catalogue()
    chosen = np.argsort(-(rows @ TEXT))[:5]
    _, reading = weighed(rows, chosen, np.ones(5, bool))
    assert np.corrcoef(rows @ reading.direction, rows @ TEXT)[0, 1] > 0.98


def test_without_words_the_family_is_the_labels_alone() -> None:
    rows, _ = catalogue()
    chosen, right = labelled(rows, rows @ OWN > 0.3, 10)
    covariance = rows.T @ rows / len(rows)
    reading = Readings(rows[chosen], right, np.ones(20), rows[:500], covariance, None).weigh()
    assert reading.trust == 0
    assert np.std(rows @ reading.direction) == pytest.approx(1.0, abs=1e-6)


def test_an_average_is_as_heavy_as_the_evidence() -> None:
    covariance = np.eye(2)
    parts = [
        Reading(axis, axis, axis, 1.0, evidence, trust)
        for axis, evidence, trust in zip(np.eye(2), (np.log(0.03), np.log(0.01)), (1.0, 0.0), strict=True)
    ]
    both = average(parts, covariance)
    assert both.trust == pytest.approx(0.75)
    assert both.direction == pytest.approx(unit(np.array([0.75, 0.25]), covariance))
    assert both.evidence == pytest.approx(np.log(0.04))


def test_a_clump_that_tells_the_labels_apart_is_found_and_believed() -> None:
    rows, clump = catalogue(gap=7.0)
    readings, words = weighed(rows, *labelled(rows, clump, 5))
    found = find_clump(readings.free(), readings.x, readings.right, rows[:1_000], readings.covariance)
    assert found.evidence > words.evidence
    assert average_precision(rows @ found.direction, clump) > 0.99


def test_a_clump_that_cuts_across_the_labels_is_not_believed() -> None:
    rows, clump = catalogue(gap=7.0)
    chosen, _ = labelled(rows, clump, 5)
    readings, words = weighed(rows, chosen, np.arange(10) % 2 == 0)
    found = find_clump(readings.free(), readings.x, readings.right, rows[:1_000], readings.covariance)
    assert found.evidence < words.evidence - 3


def test_where_nothing_stands_apart_no_clump_is_believed() -> None:
    rows, _ = catalogue()
    readings, words = weighed(rows, *labelled(rows, rows @ OWN > 0.3, 10))
    found = find_clump(readings.free(), readings.x, readings.right, rows[:1_000], readings.covariance)
    assert found.evidence < words.evidence - 3
