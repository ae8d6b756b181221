"""From a query to its answer: a pure function of the catalogue's generation, the query and its vector."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from clip_branches.cancelling import checkpoint
from clip_branches.engine import AnswerSet, Box, BranchEnsemble, DecisionBranch, LinearScorer, Rule
from clip_branches.engine.reading import Reading as Tally
from clip_branches.engine.survey import survey
from clip_branches.schemas import BoxSummary, Misplaced, ModelName, Reading
from clip_branches.service.measures import stage
from search_service.hits import HEAD, Hits
from search_service.query import Query
from search_service.served import Served
from search_service.telling import Telling, Told
from search_service.training import Trained, TrainedModels

STEPS = ("encode", "train", "query", "rank", "explain", "store")


@dataclass(frozen=True)
class Answer:
    """The complete answer of a result set, and what the model has to say about it."""

    result_set: str
    generation: int
    model: ModelName
    hits: Hits
    cut: float | None = None
    need: int | None = None
    branches: int | None = None
    boxes_decide: bool = False
    misplaced: tuple[Misplaced, ...] = ()
    telling: Telling = field(default_factory=lambda: Telling.of(Told()))

    @property
    def total(self) -> int:
        return self.hits.total

    @property
    def found(self) -> AnswerSet:
        """All hits, computed where they are not known yet."""
        return self.hits.whole()


@dataclass
class Timings:
    """Milliseconds of each step of a request; a step that was not needed stays 0."""

    steps: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STEPS, 0.0))
    started: float = field(default_factory=time.perf_counter)
    tally: Tally = field(default_factory=Tally)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            with stage(name):
                yield
        finally:
            self.steps[name] += (time.perf_counter() - begun) * 1_000

    def read(self) -> Reading | None:
        """What was read for the answer; None where it was known already."""
        return Reading(**self.tally.to_json()) if self.tally.blocks_total else None

    def to_json(self) -> dict[str, float]:
        total = (time.perf_counter() - self.started) * 1_000
        return {name: round(ms, 2) for name, ms in {**self.steps, "total": total}.items()}


def compute_answer(
    query: Query,
    vector: npt.NDArray[np.float32] | None,
    served: Served,
    *,
    result_set: str,
    models: TrainedModels,
    timings: Timings,
    describe: bool = True,
) -> Answer:
    """The answer of ``query``; the same arguments give the same bytes, whatever else the process does.

    describe: count what its boxes hold in the same pass; else that is done when somebody asks.
    """
    if query.model == "text" and vector is not None:
        with timings.step("rank"):
            engine = served.engine
            hits = Hits(engine.size, engine.nearest(vector, HEAD, timings.tally), partial(engine.nearest_all, vector))
        return Answer(result_set, served.catalogue.generation, "text", hits)
    with timings.step("train"):
        trained = models.get(query, vector, served)
        describe = describe or bool(query.boxes_off)  # which images boxes that are off hold, all boxes decide
        rule = Rule(trained.model, trained.described if describe else (), query.boxes_off, query.cut)
    checkpoint()
    with timings.step("query"):
        shown = _shown(rule, len(trained.described)) if describe else []
        found = survey(served.engine, rule, shown, HEAD, timings.tally)
    checkpoint()
    with timings.step("explain"):
        telling = Telling(partial(_told, trained, query, served))
        if describe:
            told = _summaries(rule, shown, found.inside, found.accepted, found.alone)
            telling = Telling.of(Told(told, len(rule.boxes), found.covered))
        misplaced = _misplaced(query, rule, served)
    return Answer(
        result_set,
        served.catalogue.generation,
        name_of(trained.model, query.model),
        Hits(found.total, found.head, partial(rule.search, served.engine)),
        cut=None if rule.decide else float(rule.model.threshold_),
        need=rule.need if rule.decide else None,
        branches=len(rule.groups) if rule.decide else None,
        boxes_decide=rule.decide,
        misplaced=misplaced,
        telling=telling,
    )


def _told(trained: Trained, query: Query, served: Served) -> Told:
    """What the boxes tell of an answer that was given without them: a pass over the codes of its own."""
    rule = Rule(trained.model, trained.described, query.boxes_off, query.cut)
    shown = _shown(rule, len(trained.described))
    found = survey(served.engine, rule, shown, 1)
    return Told(_summaries(rule, shown, found.inside, found.accepted, found.alone), len(rule.boxes), found.covered)


def summaries(rule: Rule, boxes: Sequence[Box], served: Served, found: AnswerSet) -> tuple[BoxSummary, ...]:
    """What each box holds, exactly."""
    facts = rule.facts(served.engine, boxes, found)
    return _summaries(rule, boxes, served.engine.count(boxes), facts.accepted, facts.alone)


def _summaries(rule: Rule, boxes: Sequence[Box], *counts: npt.NDArray[np.int64]) -> tuple[BoxSummary, ...]:
    numbers = zip(*(each.tolist() for each in counts), strict=True)
    return tuple(
        BoxSummary(**ranges(box, rule), count=count, accepted=accepted, alone=alone)
        for box, (count, accepted, alone) in zip(boxes, numbers, strict=True)
    )


def ranges(box: Box, rule: Rule) -> dict[str, Any]:
    """The fields of BoxRanges."""
    return {
        "id": box.id,
        "on": rule.is_on(box),
        "features": list(box.features),
        "low": list(box.low),
        "high": list(box.high),
        "branches": list(rule.branches_of(box)),
        "sql": box.sql(),
    }


def _shown(rule: Rule, telling: int) -> list[Box]:
    """All boxes of a branch, the most telling of an ensemble; and those switched off, to be switched on again."""
    first = rule.boxes[: len(rule.boxes) if len(rule.groups) == 1 else telling]
    return list({box.id: box for box in (*first, *rule.off)}.values())


def name_of(model: object, asked: ModelName) -> ModelName:
    """The model that answered: what "auto" chose."""
    names: dict[type, ModelName] = {LinearScorer: "linear", DecisionBranch: "branch", BranchEnsemble: "ensemble"}
    return names.get(type(model), asked)


def _misplaced(query: Query, rule: Rule, served: Served) -> tuple[Misplaced, ...]:
    positive, negative = np.array(query.positive, np.uint64), np.array(query.negative, np.uint64)
    left_out = positive[rule.predict(served.engine.codes_of(positive)) == 0]
    let_in = negative[rule.predict(served.engine.codes_of(negative)) == 1]
    return (
        *(Misplaced(id=item, label="positive") for item in left_out.tolist()),
        *(Misplaced(id=item, label="negative") for item in let_in.tolist()),
    )
