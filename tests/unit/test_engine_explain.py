"""Explanations are true: what a rule says of an image, a box or an answer is what brute force finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clip_branches.engine import Box, Rule, explanation_boxes, fit_feedback
from clip_branches.errors import InvalidInput
from tests import naive
from tests.unit.engine_codes import box_lists
from tests.unit.engine_stage import Stage, rows_where

MODELS = ("linear", "branch", "ensemble")
DESCRIBED = [Box([0], [130], [255]), Box([1, 2], [100, 120], [255, 250]), Box([3], [150], [255]), Box([9], [0], [90])]
by_model = pytest.mark.parametrize("name", MODELS)
hypothetical = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """One cloud without clumps, half of it right: a few boxes cannot tell the two apart, so there are several."""
    codes = np.clip(np.random.default_rng(3).normal(128, 40, (420, 32)), 0, 255).astype(np.uint8)
    return Stage(tmp_path_factory.mktemp("explain"), codes)


@pytest.fixture(scope="module")
def trained(stage: Stage) -> dict[str, tuple[Any, list[Box]]]:
    """Models by name, each with the boxes that tell most of its answer."""
    right = stage.codes[:, :4].sum(axis=1, dtype=int) > 4 * 128
    labels = {
        "positive": stage.codes[right][:12],
        "negative": stage.codes[~right][:9],
        "unlabelled": stage.codes[::2],
    }
    models = {}
    for name in MODELS:
        model = fit_feedback(name, **labels, quantiser=stage.quantiser, random_state=0)
        if name == "branch":
            model.boxes_ = list(DESCRIBED)  # the training makes do with one
        models[name] = (model, DESCRIBED if name == "linear" else explanation_boxes(model, **labels, random_state=0))
    return models


def accepted_by_definition(name: str, model: Any, described: list[Box], off: set[str], codes: np.ndarray) -> np.ndarray:
    if name == "linear":
        scores = naive.linear_scores(codes, model.weights_, model.bias_)
        gone = naive.hits([box for box in described if box.id in off], codes) > 0
        stays = naive.hits([box for box in described if box.id not in off], codes) > 0
        return (scores >= model.threshold_) & ~(gone & ~stays)
    branches = model.boxes_ if name == "ensemble" else [model.boxes_]
    left = [[box for box in branch if box.id not in off] for branch in branches]
    return naive.branch_votes(left, codes) >= getattr(model, "need_", 1)


def some_off(rule: Rule, data: st.DataObject) -> set[str]:
    return data.draw(st.sets(st.sampled_from([box.id for box in rule.boxes])), label="off")


@by_model
@given(data=st.data())
@hypothetical
def test_with_boxes_off_the_answer_is_that_of_the_boxes_left(
    stage: Stage, trained: dict[str, Any], name: str, data: st.DataObject
) -> None:
    model, described = trained[name]
    off = some_off(Rule(model, described), data)
    rule = Rule(model, described, off)
    ref = accepted_by_definition(name, model, described, off, stage.codes)
    found = rule.search(stage.engine)
    assert stage.rows_of(found.ids) == np.flatnonzero(ref).tolist()
    assert found.ids.tolist() == naive.best_first(found.ids.tolist(), found.scores.tolist())
    assert rule.predict(stage.codes).tolist() == ref.astype(int).tolist()
    condition = rule.sql()
    assert condition is not None
    assert rows_where(stage.codes, condition) == np.flatnonzero(ref).tolist()


@by_model
@given(data=st.data())
@hypothetical
def test_every_number_of_a_box_is_exact(stage: Stage, trained: dict[str, Any], name: str, data: st.DataObject) -> None:
    model, described = trained[name]
    off = some_off(Rule(model, described), data)
    rule = Rule(model, described, off)
    found = rule.search(stage.engine)
    inside = stage.codes[stage.rows_of(found.ids)]
    shown = list(rule.boxes[:9])
    facts = rule.facts(stage.engine, shown, found)
    assert facts.accepted.tolist() == naive.count(shown, inside)
    assert facts.covered == (naive.hits([box for box in shown if box.id not in off], inside) > 0).sum()
    for box, alone in zip(shown, facts.alone.tolist(), strict=True):
        without = Rule(model, described, off | {box.id}).search(stage.engine)
        assert alone == found.total - without.total
        assert set(without.ids.tolist()) <= set(found.ids.tolist())


@by_model
def test_every_image_says_why_it_is_in_or_out(stage: Stage, trained: dict[str, Any], name: str) -> None:
    model, described = trained[name]
    off = {described[0].id}
    rule = Rule(model, described, off)
    found = rule.search(stage.engine)
    places = {item: place for place, item in enumerate(found.ids.tolist())}
    assert 0 < found.total < len(stage.codes)
    for item, code in zip(stage.ids.tolist(), stage.codes, strict=True):
        why = rule.explain(code)
        assert why.accepted == (item in places)
        assert {holder.box for holder in why.holders} == {box for box in rule.boxes if naive.inside(box, code)}
        assert {holder.box.id for holder in why.holders if not holder.on} <= off
        if item in places:
            assert np.float32(why.score) == found.scores[places[item]]
        if name == "linear":
            assert (why.votes, why.need, why.branches) == (None, None, None)
            assert why.cut == float(model.threshold_)
            assert why.score == naive.linear_scores(code[None], model.weights_, model.bias_)[0]
        else:
            left = rule.groups
            assert why.votes == naive.branch_votes(left, code[None])[0]
            assert why.accepted == (why.votes >= why.need)
            assert why.cut is None
            if item in places and found.votes is not None:
                assert why.votes == found.votes[places[item]]


@given(branches=st.lists(box_lists(3), min_size=1, max_size=4), need=st.integers(1, 3), data=st.data())
@hypothetical
def test_an_ensemble_of_any_boxes_keeps_to_its_word(
    stage: Stage, trained: dict[str, Any], branches: list[list[Box]], need: int, data: st.DataObject
) -> None:
    """Empty boxes, open ones, and one box in several branches or twice in one."""
    model = trained["ensemble"][0].__class__()
    vars(model).update(vars(trained["ensemble"][0]))
    shared = [Box([2], [100], [255])] * 2
    model.boxes_, model.need_ = [*branches, shared, shared[:1]], need
    off = some_off(Rule(model, []), data)
    rule = Rule(model, [], off)
    found = rule.search(stage.engine)
    ref = np.flatnonzero(accepted_by_definition("ensemble", model, [], off, stage.codes)).tolist()
    assert stage.rows_of(found.ids) == ref
    assert rows_where(stage.codes, rule.sql() or "") == ref
    facts = rule.facts(stage.engine, rule.boxes, found)
    for box, alone in zip(rule.boxes, facts.alone.tolist(), strict=True):
        assert alone == found.total - Rule(model, [], off | {box.id}).search(stage.engine).total


@by_model
def test_all_boxes_off(stage: Stage, trained: dict[str, Any], name: str) -> None:
    model, described = trained[name]
    whole = Rule(model, described)
    rule = Rule(model, described, {box.id for box in whole.boxes})
    found = rule.search(stage.engine)
    outside = naive.hits(whole.boxes, stage.codes) == 0
    expected = whole.predict(stage.codes).astype(bool) & outside if name == "linear" else np.zeros(len(outside), bool)
    assert stage.rows_of(found.ids) == np.flatnonzero(expected).tolist()
    assert rule.facts(stage.engine, rule.boxes, found).covered == 0


def test_a_box_of_another_model_cannot_be_switched_off(trained: dict[str, Any]) -> None:
    model, described = trained["branch"]
    with pytest.raises(
        InvalidInput, match=r"must be ids of boxes that this model has.*Got 0123456789ab instead"
    ) as error:
        Rule(model, described, ["0123456789ab"])
    assert error.value.field == "boxes_off"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Box([3, 7], [1, 2], [9, 8]), Box([7, 3], [2, 1], [8, 9]), True),
        (Box([3, 7], [1, 0], [9, 255]), Box([3], [1], [9]), True),
        (Box([3], [9], [1]), Box([5, 6], [0, 4], [255, 2]), True),
        (Box([], [], []), Box([4], [0], [255]), True),
        (Box([3], [1], [9]), Box([3], [1], [8]), False),
        (Box([3], [1], [9]), Box([4], [1], [9]), False),
    ],
)
def test_the_id_of_a_box_names_what_it_holds(one: Box, other: Box, same: bool) -> None:
    assert (one.id == other.id) == same
    assert len(one.id) == 12
