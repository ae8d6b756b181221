"""From a query to its answer: a pure function of the catalogue's generation, the query and its vector."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from clip_branches.engine import (
    AnswerSet,
    BranchEnsemble,
    DecisionBranch,
    LinearScorer,
    explanation_boxes,
    fit_feedback,
)
from clip_branches.schemas import BoxSummary, Misplaced, ModelName
from search_service.query import Query
from search_service.served import Served

STEPS = ("encode", "train", "query", "rank", "explain", "store")
_SHOWN_BOXES = 12


@dataclass(frozen=True)
class Answer:
    """The complete answer of a result set, and what the model has to say about it."""

    result_set: str
    generation: int
    model: ModelName
    found: AnswerSet
    cut: float | None = None
    boxes: tuple[BoxSummary, ...] = ()
    boxes_decide: bool = False
    misplaced: tuple[Misplaced, ...] = ()


@dataclass
class Timings:
    """Milliseconds of each step of a request; a step that was not needed stays 0."""

    steps: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STEPS, 0.0))
    started: float = field(default_factory=time.perf_counter)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.steps[name] += (time.perf_counter() - begun) * 1_000

    def to_json(self) -> dict[str, float]:
        total = (time.perf_counter() - self.started) * 1_000
        return {name: round(ms, 2) for name, ms in {**self.steps, "total": total}.items()}


def compute_answer(
    query: Query,
    vector: npt.NDArray[np.float32] | None,
    served: Served,
    *,
    result_set: str,
    unlabelled: int,
    timings: Timings,
) -> Answer:
    """The answer of ``query``; the same arguments give the same bytes, whatever else the process does."""
    if query.model == "text" and vector is not None:
        with timings.step("rank"):
            found = served.engine.nearest_all(vector)
        return Answer(result_set, served.catalogue.generation, "text", found)
    return _answer_labels(query, vector, served, result_set, unlabelled, timings)


def _answer_labels(
    query: Query,
    vector: npt.NDArray[np.float32] | None,
    served: Served,
    result_set: str,
    unlabelled: int,
    timings: Timings,
) -> Answer:
    engine = served.engine
    # All randomness comes from the request: the digest picks the unlabelled images, never a labelled one.
    generator = np.random.default_rng(int(result_set, 16))
    with timings.step("train"):
        codes = {
            "positive": engine.codes_of(query.positive),
            "negative": engine.codes_of(query.negative),
            "unlabelled": engine.sample(unlabelled, generator, exclude=(*query.positive, *query.negative)),
        }
        model = fit_feedback(
            "auto" if query.model == "text" else query.model,
            anchor=vector,
            quantiser=served.quantiser,
            random_state=query.seed,
            **codes,
        )
    with timings.step("query"):
        found = engine.search(model)
    with timings.step("explain"):
        boxes = explanation_boxes(model, random_state=query.seed, limit=_SHOWN_BOXES, **codes)
        counts = engine.count(boxes)
        accepted = engine.count_within(boxes, found)
    return Answer(
        result_set,
        served.catalogue.generation,
        _name_of(model, query.model),
        found,
        cut=float(model.threshold_) if isinstance(model, LinearScorer) else None,
        boxes=tuple(
            BoxSummary(
                features=list(box.features),
                low=list(box.low),
                high=list(box.high),
                count=int(count),
                accepted=int(inside),
                sql=box.sql(),
            )
            for box, count, inside in zip(boxes, counts, accepted, strict=True)
        ),
        boxes_decide=isinstance(model, DecisionBranch | BranchEnsemble),
        misplaced=_misplaced(query, found),
    )


def _name_of(model: object, asked: ModelName) -> ModelName:
    """The model that answered: what "auto" chose."""
    names: dict[type, ModelName] = {LinearScorer: "linear", DecisionBranch: "branch", BranchEnsemble: "ensemble"}
    return names.get(type(model), asked)


def _misplaced(query: Query, found: AnswerSet) -> tuple[Misplaced, ...]:
    positive, negative = np.array(query.positive, np.uint64), np.array(query.negative, np.uint64)
    left_out = positive[np.isin(positive, found.ids, invert=True)]
    let_in = negative[np.isin(negative, found.ids)]
    return (
        *(Misplaced(id=item, label="positive") for item in left_out.tolist()),
        *(Misplaced(id=item, label="negative") for item in let_in.tolist()),
    )
