"""Separation to spare is spent on the words: the same images are accepted, those that match the words come first."""

from __future__ import annotations

import numpy as np
import pytest

from clip_branches.engine.lean import lean
from clip_branches.engine.readings import unit

DIMS = 32
CLUMP, TOPIC = 0, 1  # the dimension in which a clump stands apart, and the one in which the words lie


def catalogue(gap: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows (2000, 32), who is in the clump, and who is about the topic; a quarter and an eighth of them."""
    generator = np.random.default_rng(5)
    rows = generator.normal(0, 1, (2_000, DIMS))
    clump = generator.random(len(rows)) < 0.25
    topic = generator.random(len(rows)) < 0.125
    rows[clump, CLUMP] += gap
    rows[topic, TOPIC] += 4.0
    return rows - rows.mean(axis=0), clump, topic


def leaned(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    covariance = rows.T @ rows / len(rows)
    axes = np.eye(DIMS)
    direction, anchor = unit(axes[CLUMP], covariance), unit(axes[TOPIC], covariance)
    return direction, lean(direction, anchor, rows, covariance)


def test_a_wide_gap_gives_way_to_the_words_and_keeps_whom_it_accepts() -> None:
    rows, clump, topic = catalogue(gap=12.0)
    direction, result = leaned(rows)
    before, after = rows @ direction, rows @ result
    best = np.argsort(-after)[: clump.sum()]
    assert clump[best].mean() > 0.98
    first = slice(0, 40)
    assert topic[np.argsort(-after)[first]].mean() > 0.6
    assert topic[np.argsort(-before)[first]].mean() < 0.3
    assert np.std(after) == pytest.approx(1.0)


@pytest.mark.parametrize("gap", [0.0, 2.0, 4.0])
def test_a_narrow_gap_gives_nothing_away(gap: float) -> None:
    direction, result = leaned(catalogue(gap)[0])
    np.testing.assert_array_equal(result, direction)
