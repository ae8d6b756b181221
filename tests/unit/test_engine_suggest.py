"""Suggestions: unlabelled images near the answer, of three kinds, spread out, and the same every time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clip_branches.engine import Rule, explanation_boxes, fit_feedback, suggest
from clip_branches.engine.suggest import choose
from clip_branches.errors import InvalidInput, UnknownItem
from tests.unit.engine_codes import clumps
from tests.unit.engine_stage import Stage

CODES, CLUMP = clumps(500, seed=6)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("suggest"), CODES)


def trained(stage: Stage, name: str) -> tuple[Rule, np.ndarray]:
    """A rule and the ids that it was trained on."""
    right, wrong = np.flatnonzero(CLUMP == 2)[:6], np.flatnonzero(CLUMP != 2)[:6]
    labels = {"positive": CODES[right], "negative": CODES[wrong], "unlabelled": CODES[200:]}
    model = fit_feedback(name, **labels, quantiser=stage.quantiser, random_state=0)
    return Rule(model, explanation_boxes(model, **labels, random_state=0)), stage.ids[np.concatenate([right, wrong])]


@pytest.mark.parametrize("name", ["linear", "branch", "ensemble"])
def test_suggestions_are_new_distinct_and_what_they_say(stage: Stage, name: str) -> None:
    rule, labelled = trained(stage, name)
    found = suggest(stage.engine, rule, labelled, 24)
    again = suggest(stage.engine, rule, labelled[::-1], 24)
    assert found.ids.tolist() == again.ids.tolist()
    assert len(set(found.ids.tolist())) == len(found.ids) == len(found.reasons) == 24
    assert not np.isin(found.ids, labelled).any()
    assert {"unsure", "likely", "unlike"} == set(found.reasons)
    accepted = set(rule.search(stage.engine).ids.tolist())
    assert [item in accepted for item in found.ids.tolist()] == found.accepted.tolist()
    assert all(inside for inside, reason in zip(found.accepted, found.reasons, strict=True) if reason == "likely")
    scorer = getattr(rule.model, "ranker_", rule.model)
    margins = scorer.decision_function(stage.engine.codes_of(found.ids)) - scorer.threshold_
    assert np.allclose(found.margins, margins)


def test_excluded_images_and_those_of_boxes_that_are_off_are_left_out(stage: Stage) -> None:
    rule, labelled = trained(stage, "linear")
    first = suggest(stage.engine, rule, labelled, 10)
    second = suggest(stage.engine, rule, labelled, 10, exclude=first.ids)
    assert not set(first.ids.tolist()) & set(second.ids.tolist())
    less = Rule(rule.model, rule.boxes, {rule.boxes[0].id})
    found = suggest(stage.engine, less, labelled, 100)
    assert len(found.ids) > 0
    assert not less.turned_away(stage.engine.codes_of(found.ids)).any()


def test_a_small_catalogue_gives_what_it_has(tmp_path: Path) -> None:
    stage = Stage(tmp_path, CODES[:40])
    model = fit_feedback("linear", positive=CODES[:2], negative=CODES[2:4], unlabelled=CODES[4:40])
    found = suggest(stage.engine, Rule(model, []), stage.ids[:4], 100)
    assert sorted(found.ids.tolist()) == sorted(stage.ids[4:].tolist())
    everything = suggest(stage.engine, Rule(model, []), stage.ids, 5)
    assert (len(everything.ids), everything.reasons) == (0, ())


@pytest.mark.parametrize(("limit", "labelled", "error"), [(0, [1], InvalidInput), (5, [10**6], UnknownItem)])
def test_what_cannot_be_suggested_says_why(stage: Stage, limit: int, labelled: list[int], error: Any) -> None:
    rule, _ = trained(stage, "linear")
    with pytest.raises(error, match="must be"):
        suggest(stage.engine, rule, labelled, limit)


@given(seed=st.integers(0, 999), n=st.integers(0, 60), limit=st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_any_pool_is_spread_out(seed: int, n: int, limit: int) -> None:
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(n, 32)).astype(np.float32)
    vectors[: n // 3] = vectors[:1]  # copies of one image
    margins = generator.normal(0, 4, n).astype(np.float32)
    chosen, reasons = choose(
        vectors, margins, margins >= 0, generator.normal(size=(2, 32)).astype(np.float32),
        generator.integers(0, 4, n), limit,
    )  # fmt: skip
    assert len(set(chosen.tolist())) == len(chosen) == len(reasons) == min(n, limit)
    others = np.flatnonzero(np.arange(n) >= n // 3)
    copies = [place for place in chosen.tolist() if place < n // 3]
    if len(copies) > 1:  # a second copy only when nothing else is left
        assert set(others.tolist()) <= set(chosen.tolist()[: chosen.tolist().index(copies[1])])
