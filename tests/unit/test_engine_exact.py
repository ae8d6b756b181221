"""The whole engine against brute force: random codes, boxes, scores, segments and deleted items."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clip_branches.engine import (
    Box,
    BranchEnsemble,
    CatalogueEngine,
    DecisionBranch,
    LinearScorer,
    Rule,
    explanation_boxes,
    fit_feedback,
    suggest,
)
from clip_branches.engine.workers import Workers
from tests import naive
from tests.unit.engine_codes import box_lists, clumps, code_tables
from tests.unit.engine_stage import Stage, rows_where

weights_lists = st.lists(st.floats(-4, 4, width=32) | st.sampled_from((0.0, -0.0)), min_size=32, max_size=32)


def linear(codes: np.ndarray, weights: list[float], bias: float, at: float) -> LinearScorer:
    """A scorer whose cut is the score of one of the rows, so that rows lie on it exactly."""
    scorer = LinearScorer()
    scorer.weights_, scorer.bias_ = np.array(weights, np.float32), np.float32(bias)
    scores = np.sort(naive.linear_scores(codes, weights, bias))
    scorer.threshold_ = scores[int(at * (len(scores) - 1))]
    scorer.n_features_in_ = 32
    return scorer


def made_of(model: Any, ranker: LinearScorer, **fitted: Any) -> Any:
    for name, value in {"ranker_": ranker, "n_features_in_": 32, **fitted}.items():
        setattr(model, name, value)
    return model


@given(
    codes=code_tables(),
    branches=st.lists(box_lists(3), min_size=1, max_size=4),
    need=st.integers(1, 3),
    weights=weights_lists,
    bias=st.floats(-50, 50, width=32),
    at=st.floats(0, 1),
    data=st.data(),
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_answer_of_the_engine_equals_brute_force(
    tmp_path_factory: pytest.TempPathFactory,
    codes: np.ndarray,
    branches: list[list[Box]],
    need: int,
    weights: list[float],
    bias: float,
    at: float,
    data: st.DataObject,
) -> None:
    deleted = data.draw(st.lists(st.integers(1, len(codes)), max_size=len(codes) - 1, unique=True), label="deleted")
    folder: Path = tmp_path_factory.mktemp("exact")
    stage = Stage(folder, codes, block_size=16, deleted=deleted)
    engine, codes = stage.engine, stage.codes
    assert engine.size == len(codes)
    scorer = linear(codes, weights, bias, at)
    boxes = [box for branch in branches for box in branch]
    for model, votes in (
        (scorer, naive.linear_scores(codes, weights, bias) >= scorer.threshold_),
        (made_of(DecisionBranch(), scorer, boxes_=boxes), naive.branch_votes([boxes], codes)),
        (made_of(BranchEnsemble(), scorer, boxes_=branches, need_=need), naive.branch_votes(branches, codes)),
    ):
        rule = Rule(model, [])
        ref = np.flatnonzero(votes >= (need if isinstance(model, BranchEnsemble) else 1)).tolist()
        found = rule.search(engine)
        assert stage.rows_of(found.ids) == ref
        assert found.ids.tolist() == naive.best_first(found.ids.tolist(), found.scores.tolist())
        assert model.predict(codes).nonzero()[0].tolist() == ref
        assert rows_where(codes, rule.sql() or "") == ref
        if model is scorer:
            exact = dict(zip(stage.ids.tolist(), naive.linear_scores(codes, weights, bias).tolist(), strict=True))
            assert found.scores.tolist() == [exact[item] for item in found.ids.tolist()]
        else:
            held = dict(zip(stage.ids.tolist(), votes.tolist(), strict=True))
            assert found.votes is not None
            assert found.votes.tolist() == [held[item] for item in found.ids.tolist()]
    assert engine.count(boxes).tolist() == naive.count(boxes, codes)
    vector = np.array(weights, np.float32)
    ranked = engine.nearest_all(vector)
    assert sorted(ranked.ids.tolist()) == sorted(stage.ids.tolist())
    assert ranked.ids.tolist() == naive.best_first(ranked.ids.tolist(), ranked.scores.tolist())
    for k in (1, 7, len(codes) + 3):
        nearest = engine.nearest(vector, k)
        assert nearest.scores.tolist() == ranked.scores[:k].tolist()
        assert nearest.ids.tolist() == ranked.ids[:k].tolist()


def test_whole_requests_answer_the_same_on_one_thread_and_on_eight(tmp_path: Path) -> None:
    """Training, the answer, its explanation and the suggestions, where blocks are many enough to be shared."""
    stage = Stage(tmp_path, clumps(24_000, seed=5)[0], block_size=16, deleted=(7, 300, 23_999))
    codes = {"positive": stage.codes[:9], "negative": stage.codes[9:20], "unlabelled": stage.codes[20::40]}

    def told(threads: int) -> list[Any]:
        engine = CatalogueEngine.open(stage.engine.catalogue, stage.quantiser, workers=Workers(threads))
        parts: list[Any] = []
        for name in ("auto", "branch", "ensemble"):
            model = fit_feedback(name, **codes, quantiser=stage.quantiser, random_state=3)
            rule = Rule(model, explanation_boxes(model, **codes, random_state=3))
            less = Rule(model, rule.boxes[:12], {rule.boxes[0].id})
            for one in (rule, less):
                found = one.search(engine)
                facts = one.facts(engine, rule.boxes[:12], found)
                parts += [found.ids.tobytes(), found.scores.tobytes(), engine.count(rule.boxes[:12]).tolist()]
                parts += [facts.accepted.tolist(), facts.alone.tolist(), facts.covered]
            parts += [None if found.votes is None else found.votes.tobytes(), rule.sql()]
            parts.append(suggest(engine, rule, stage.ids[:20], 30).ids.tolist())
        vector = stage.quantiser.decode(stage.codes[:1])[0]
        return [*parts, engine.nearest(vector, 60).ids.tolist(), engine.nearest_all(vector).ids.tobytes()]

    alone = told(1)
    assert told(8) == alone
    assert told(3) == alone
