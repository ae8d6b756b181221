"""A survey says of an answer what its list would: total, first hits, and what boxes hold of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from clip_branches.catalogue import Catalogue
from clip_branches.engine import Box, BranchEnsemble, CatalogueEngine, DecisionBranch, LinearScorer, Rule, Workers
from clip_branches.engine.reading import Reading
from clip_branches.engine.survey import Survey, survey
from tests import naive
from tests.unit.engine_stage import Stage

CHARACTERS = ("uniform", "clumped", "few", "duplicates", "constant", "extremes")
MODELS = ("linear", "branch", "ensemble")
ROWS = 1_501  # two segments, the last block of each shorter than the others


def codes_of(character: str) -> np.ndarray:
    generator = np.random.default_rng(CHARACTERS.index(character))
    codes = generator.integers(0, 256, (ROWS, 32), dtype=np.uint8)
    if character == "clumped":
        centres = generator.integers(60, 196, (9, 32))
        noisy = centres[generator.integers(0, 9, ROWS)] + generator.normal(0, 9, (ROWS, 32))
        codes = np.clip(noisy, 0, 255).astype(np.uint8)
        return codes[np.argsort(codes[:, 0], kind="stable")]
    if character == "few":
        return codes // 100
    if character == "duplicates":
        return codes[np.sort(generator.integers(0, 7, ROWS))]
    if character == "constant":
        return np.full((ROWS, 32), 9, np.uint8)
    return np.where(codes > 127, 255, 0).astype(np.uint8) if character == "extremes" else codes


@pytest.fixture(scope="module", params=[(c, d) for c in CHARACTERS for d in (False, True)], ids=str)
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    character, some_deleted = request.param
    deleted = range(3, ROWS, 5) if some_deleted else ()
    return Stage(tmp_path_factory.mktemp("survey"), codes_of(character), deleted=deleted)


def boxes_around(codes: np.ndarray, count: int, generator: np.random.Generator) -> list[Box]:
    boxes = []
    for _ in range(count):
        features = generator.choice(32, generator.integers(0, 6), replace=False)
        centre = codes[generator.integers(len(codes)), features].astype(int)
        reach = generator.choice([0, 10, 60, 120, 255], len(features))
        boxes.append(Box(features, np.clip(centre - reach, 0, 255), np.clip(centre + reach, 0, 255)))
    return list(dict.fromkeys(boxes))


def scorer_of(codes: np.ndarray, share: float, generator: np.random.Generator) -> LinearScorer:
    """One that accepts about a share of the codes, at a score that some row has exactly."""
    scorer = LinearScorer()
    scorer.weights_ = generator.normal(size=32).astype(np.float32)
    scorer.bias_ = np.float32(generator.normal())
    scores = naive.linear_scores(codes, scorer.weights_, scorer.bias_)
    scorer.threshold_ = np.float32(np.quantile(scores, 1 - share, method="nearest"))
    scorer._fitted()
    return scorer


def model_of(name: str, codes: np.ndarray, share: float, generator: np.random.Generator) -> tuple[Any, list[Box]]:
    """A model as if trained, and boxes that describe it."""
    scorer = scorer_of(codes, share, generator)
    if name == "linear":
        return scorer, boxes_around(codes, int(generator.integers(0, 7)), generator)
    model: Any = DecisionBranch() if name == "branch" else BranchEnsemble()
    model.ranker_ = scorer
    if name == "branch":
        model.boxes_ = boxes_around(codes, int(generator.integers(0, 7)), generator)
        model._fitted()
        return model, model.boxes_
    shared = boxes_around(codes, 3, generator)  # boxes that several branches have
    model.boxes_ = [boxes_around(codes, 3, generator) + shared[: generator.integers(0, 4)] for _ in range(5)]
    model.need_ = int(generator.integers(1, 4))
    model._fitted()
    boxes = list(dict.fromkeys(box for branch in model.boxes_ for box in branch))
    return model, boxes[:4] + shared


def is_that_of(told: Survey, engine: CatalogueEngine, rule: Rule, boxes: Sequence[Box], k: int) -> None:
    """Compares with the listed answer, which other tests compare with brute force."""
    found = rule.search(engine)
    facts = rule.facts(engine, boxes, found)
    assert told.total == found.total
    first = found.page(0, told.head.total)
    assert told.head.ids.tolist() == first.ids.tolist()
    assert told.head.scores.tobytes() == first.scores.tobytes()
    assert (told.head.votes is None) == (found.votes is None)
    assert found.votes is None or told.head.votes.tolist() == first.votes.tolist()
    assert told.head.total == found.total or told.head.total <= max(k, told.head.total)
    assert told.inside.tolist() == engine.count(boxes).tolist()
    assert told.accepted.tolist() == facts.accepted.tolist()
    assert told.alone.tolist() == facts.alone.tolist()
    assert told.covered == facts.covered


@pytest.mark.parametrize("name", MODELS)
def test_a_survey_agrees_with_the_listed_answer(stage: Stage, name: str) -> None:
    for seed, share in enumerate((0.001, 0.02, 0.3, 0.9, 1.0)):
        generator = np.random.default_rng(seed)
        model, described = model_of(name, stage.codes, share, generator)
        known = Rule(model, described)
        off = [box.id for box in known.boxes if generator.random() < 0.3] if seed % 2 else []
        rule = Rule(model, described, off)
        boxes = list(rule.boxes) if len(rule.groups) == 1 else [*rule.boxes[:5], *rule.off]
        boxes = list(dict.fromkeys(boxes))
        for k in (1, 40, 2 * ROWS):
            is_that_of(survey(stage.engine, rule, boxes, k), stage.engine, rule, boxes, k)


@pytest.mark.parametrize("name", MODELS)
def test_a_survey_without_boxes_has_the_same_total_and_first_hits(stage: Stage, name: str) -> None:
    generator = np.random.default_rng(11)
    for share in (0.02, 0.4):
        model, boxes = model_of(name, stage.codes, share, generator)
        rule = Rule(model, boxes)
        told, plain = (survey(stage.engine, rule, shown, 25) for shown in (list(rule.boxes), []))
        assert (plain.total, len(plain.inside), plain.covered) == (told.total, 0, 0)
        # Which of the images that score alike are named may differ, never those above them.
        both = min(plain.head.total, told.head.total)
        assert plain.head.ids[:both].tolist() == told.head.ids[:both].tolist()
        assert plain.head.scores[:both].tolist() == told.head.scores[:both].tolist()
        is_that_of(plain, stage.engine, rule, [], 25)


def test_the_head_is_what_was_asked_for_where_no_scores_tie(tmp_path_factory: pytest.TempPathFactory) -> None:
    stage = Stage(tmp_path_factory.mktemp("head"), codes_of("uniform"))
    scorer = scorer_of(stage.codes, 0.5, np.random.default_rng(0))
    told = survey(stage.engine, Rule(scorer, []), [], 60)
    assert 59 <= told.head.total <= 60  # the last may tie with what was not kept


def test_one_thread_and_several_say_the_same(tmp_path_factory: pytest.TempPathFactory) -> None:
    codes = np.random.default_rng(1).integers(0, 256, (40_000, 32), dtype=np.uint8)
    stage = Stage(tmp_path_factory.mktemp("threads"), codes)
    path = tmp_path_factory.getbasetemp() / "threads0" / "catalogues" / "small"
    engines = [CatalogueEngine.open(Catalogue.open(path), stage.quantiser, workers=Workers(n)) for n in (1, 3, 8)]
    for name in MODELS:
        model, described = model_of(name, codes, 0.1, np.random.default_rng(5))
        rule = Rule(model, described)
        readings = [Reading() for _ in engines]
        told = [
            survey(engine, rule, list(rule.boxes)[:9], 50, reading)
            for engine, reading in zip(engines, readings, strict=True)
        ]
        for other in told[1:]:
            assert (other.total, other.covered) == (told[0].total, told[0].covered)
            assert other.head.ids.tolist() == told[0].head.ids.tolist()
            assert (other.alone == told[0].alone).all()
        assert 0 < readings[0].blocks <= readings[0].blocks_total


def test_the_nearest_are_the_head_of_the_whole_ranking(stage: Stage) -> None:
    for seed in range(3):
        vector = np.random.default_rng(seed).normal(size=32).astype(np.float32)
        ranked = stage.engine.nearest_all(vector)
        for k in (1, 7, 256, 2 * ROWS):
            first, reading = ranked.page(0, k), Reading()
            near = stage.engine.nearest(vector, k, reading)
            assert near.ids.tolist() == first.ids.tolist()
            assert near.scores.tobytes() == first.scores.tobytes()
            assert reading.blocks_total
