"""Where a score is cut: between what the user marked right and wrong, where there is room."""

from __future__ import annotations

import numpy as np
import pytest

from clip_branches.engine.cut import best_threshold, between_labels, room_between, two_humps, worth_moving


def test_a_cut_that_parts_the_labels_stays() -> None:
    assert between_labels(0.5, np.array([1.0, 2.0]), np.array([-1.0, 0.0])) == 0.5


def test_a_cut_that_would_accept_what_was_marked_wrong_is_raised_above_it() -> None:
    right, wrong = np.array([1.0, 2.0, 3.0]), np.array([-3.0, 0.0])
    cut = between_labels(-9.0, right, wrong)
    assert (wrong < cut).all()
    assert (right >= cut).all()


def test_a_cut_that_would_refuse_what_was_marked_right_is_lowered_to_it() -> None:
    assert between_labels(9.0, np.array([1.0, 2.0]), np.array([0.0])) == 1.0
    assert between_labels(9.0, np.array([1.0, 2.0]), np.zeros(0)) == 1.0
    assert between_labels(-9.0, np.array([1.0, 2.0]), np.zeros(0)) == -9.0


def test_one_slip_in_ten_is_not_heeded() -> None:
    right = np.append(np.arange(2.0, 11.0), -5.0)
    wrong = np.append(np.arange(-9.0, 0.0), 8.0)
    assert room_between(right, wrong) == (-1.0, 2.0)


def test_labels_that_no_cut_can_part_leave_the_cut_alone() -> None:
    assert between_labels(-4.0, np.array([0.0, 1.0]), np.array([0.5, 2.0])) == -4.0


def test_two_clumps_are_told_from_one() -> None:
    generator = np.random.default_rng(2)
    one = generator.normal(0, 1, 1_000)
    two = np.where(np.arange(1_000) < 250, one + 8, one)
    assert two_humps(one).gain < 10
    humps = two_humps(two)
    assert humps.gain > 200
    assert humps.apart == pytest.approx(8, rel=0.1)
    assert 2.5 < humps.middle < 5.5


def test_the_best_expected_f1_takes_the_sure_and_leaves_the_hopeless() -> None:
    log_odds = np.concatenate([np.full(50, 5.0), np.full(950, -5.0)])
    assert -5.0 < best_threshold(log_odds) < 5.0


def test_a_cut_moves_for_the_labels_only_where_that_costs_little() -> None:
    clump = np.linspace(4.0, 20.0, 200)
    log_odds = np.concatenate([clump, np.linspace(-20.0, -4.0, 800)])
    assert worth_moving(0.0, 4.5, log_odds)
    assert not worth_moving(0.0, 10.0, log_odds)
    assert not worth_moving(0.0, 30.0, log_odds)
