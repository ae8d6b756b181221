"""Maps and orders by likeness: whole, the same each time, and true to what lies near what."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from search_service.layout import GRID, MAX_SHOWN, lay_out, sample_of
from search_service.similar import alike_order

Vectors = npt.NDArray[np.float32]


def clumps(count: int, *, of: int = 6, seed: int = 0) -> tuple[Vectors, npt.NDArray[np.int64]]:
    """Unit vectors (count, 32) around ``of`` directions, and which each is around."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(of, 32))
    which = generator.integers(0, of, count)
    vectors = centres[which] + 0.15 * generator.normal(size=(count, 32))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), which


@pytest.mark.parametrize("count", [0, 1, 2, 5, 11, 12, 13, 40, 300])
def test_a_map_has_every_image(count: int) -> None:
    vectors, _ = clumps(count)
    layout = lay_out(vectors)
    assert layout.points.shape == (count, 2)
    assert ((layout.points >= 0) & (layout.points <= GRID)).all()
    groups = np.bincount(layout.groups) if count else np.zeros(0, int)
    assert (np.diff(groups) <= 0).all(), "the largest group is the first"
    again = lay_out(vectors)
    assert np.array_equal(layout.points, again.points)
    assert np.array_equal(layout.groups, again.groups)


@pytest.mark.parametrize("vectors", [np.ones((30, 32)), np.eye(32)[np.arange(90) % 3]])
def test_images_that_are_the_same_are_one_point(vectors: npt.NDArray[np.float64]) -> None:
    points = lay_out(vectors.astype(np.float32)).points
    assert len(np.unique(points, axis=0)) == len(np.unique(vectors, axis=0))


@pytest.mark.parametrize("count", [400, 2_600])  # the second has more than landmarks
def test_what_is_alike_lies_together(count: int) -> None:
    vectors, which = clumps(count)
    points = lay_out(vectors).points.astype(float)
    some = np.random.default_rng(1).choice(count, 120, replace=False)
    distance = np.linalg.norm(points[some][:, None] - points[None], axis=2)
    distance[np.arange(len(some)), some] = np.inf
    nearest = distance.argmin(axis=1)
    assert (which[nearest] == which[some]).mean() > 0.95


def test_a_sample_goes_from_the_best_to_the_last() -> None:
    assert sample_of(7).tolist() == list(range(7))
    places = sample_of(1_000_000)
    assert len(places) == MAX_SHOWN
    assert (places[0], places[-1]) == (0, 999_999)
    assert (np.diff(places) > 0).all()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50, 512, 513, 3_000])
def test_an_order_by_likeness_is_all_of_it(count: int) -> None:
    vectors, which = clumps(count)
    order = alike_order(vectors)
    assert sorted(order.tolist()) == list(range(count))
    assert np.array_equal(order, alike_order(vectors))
    if count < 50:
        return

    def step(places: npt.NDArray[np.int64]) -> float:
        return float(np.linalg.norm(np.diff(vectors[places], axis=0), axis=1).mean())

    assert step(order) < 0.75 * step(np.arange(count))
    assert int((np.diff(which[order]) != 0).sum()) < count / 8, "themes come one after the other"
    assert int(np.flatnonzero(order == 0)[0]) <= count // 2


def test_an_order_of_copies_is_one_too() -> None:
    order = alike_order(np.ones((2_000, 32), np.float32))
    assert sorted(order.tolist()) == list(range(2_000))
