"""Checking an answer: a random sample from inside and outside of it, and what the judged part of it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clip_branches.catalogue import Catalogue
from clip_branches.engine import AnswerSet
from clip_branches.engine.recall import Interval, Side, completeness, more_for
from clip_branches.errors import InvalidInput
from clip_branches.schemas.answers import MAX_JUDGED, CheckResponse, IntervalModel
from search_service.query import Query

TARGET = 0.8
_OUTSIDE_FOR_ONE_INSIDE = 2
_STREAM = 0x636865636B  # "check": other random numbers than those that drew the model's unlabelled images
_FIRST_DRAW = 4

Ids = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Sample:
    """Images drawn at random without replacement, inside and outside an answer, none of them labelled before.

    ids: uint64 (m,) in the order drawn, mixed; inside: bool (m,). ``inside_size`` and ``outside_size``: how many images
    each side has to draw from; ``known_inside`` and ``known_outside``: right ones labelled before.
    """

    ids: Ids
    inside: npt.NDArray[np.bool_]
    inside_size: int
    outside_size: int
    known_inside: int
    known_outside: int
    answer: int


def draw_sample(catalogue: Catalogue, result_set: str, query: Query, found: AnswerSet) -> Sample:
    """The sample of an answer: the same for the same answer, and by chance alone otherwise.

    Two from outside for one from inside, while both last; MAX_JUDGED images at most.
    """
    generator = np.random.default_rng([int(result_set, 16), _STREAM])
    answer = np.sort(found.ids)
    positive = np.array(query.positive, np.uint64)
    labelled = np.union1d(positive, np.array(query.negative, np.uint64))
    new = found.ids[~_among(found.ids, labelled)]
    inside = generator.permutation(new)[:MAX_JUDGED]
    labelled_inside = int(_among(labelled, answer).sum())
    outside_size = catalogue.size - found.total - (len(labelled) - labelled_inside)
    outside = _outside(catalogue, generator, answer, labelled, min(outside_size, MAX_JUDGED))
    ids, is_inside = _mixed(inside, outside)
    return Sample(
        ids=ids,
        inside=is_inside,
        inside_size=len(new),
        outside_size=outside_size,
        known_inside=int(_among(positive, answer).sum()),
        known_outside=int((~_among(positive, answer)).sum()),
        answer=found.total,
    )


def judge(result_set: str, sample: Sample, judged: Sequence[bool]) -> CheckResponse:
    """What the judgements of the first images of a sample say about its answer."""
    if len(judged) > len(sample.ids):
        raise InvalidInput(
            f"The 'judged' must be of the sample's {len(sample.ids):,} images at most. Got {len(judged):,} instead.",
            field="judged",
        )
    right = np.array(judged, bool)
    inside = sample.inside[: len(right)]
    within = Side(sample.inside_size, int(inside.sum()), int((right & inside).sum()), sample.known_inside)
    beyond = Side(sample.outside_size, int((~inside).sum()), int((right & ~inside).sum()), sample.known_outside)
    found = completeness(within, beyond, sample.answer)
    return CheckResponse(
        result_set=result_set,
        recall=_model(found.recall),
        precision=_model(found.precision),
        missing=_model(found.missing),
        inside_judged=within.judged,
        inside_right=within.right,
        outside_judged=beyond.judged,
        outside_right=beyond.right,
        outside=sample.outside_size + sample.known_outside,
        target=TARGET,
        more=more_for(within, beyond, sample.answer, TARGET) if beyond.judged else None,
    )


def _outside(catalogue: Catalogue, generator: np.random.Generator, answer: Ids, labelled: Ids, wanted: int) -> Ids:
    """``wanted`` live items at random, none of them in the answer or labelled: a random order with those left out."""
    ends = np.cumsum([segment.rows for segment in catalogue.segments])
    rows = int(ends[-1])
    size = min(rows, _FIRST_DRAW * wanted)
    while True:
        drawn = generator.choice(rows, size, replace=False)
        numbers = np.searchsorted(ends, drawn, side="right")
        ids = np.empty(size, np.uint64)
        for number in np.unique(numbers):
            here = numbers == number
            segment = catalogue.segments[number]
            ids[here] = np.asarray(segment.ids)[drawn[here] - (ends[number] - segment.rows)]
        kept = ids[~_among(ids, answer) & ~_among(ids, labelled) & catalogue.contains(ids)]
        if len(kept) >= wanted or size == rows:
            return kept[:wanted]
        size = min(rows, size * _FIRST_DRAW)


def _mixed(inside: Ids, outside: Ids) -> tuple[Ids, npt.NDArray[np.bool_]]:
    """Two from outside, one from inside, and so on; then what is left of the longer one."""
    places = np.concatenate(
        [np.arange(len(inside)) * 1.0, (np.arange(len(outside)) + 0.5) / _OUTSIDE_FOR_ONE_INSIDE - 0.5]
    )
    order = np.argsort(places, kind="stable")[:MAX_JUDGED]
    ids = np.concatenate([inside, outside])[order]
    return ids.astype(np.uint64), order < len(inside)


def _among(ids: Ids, ordered: Ids) -> npt.NDArray[np.bool_]:
    """Which of ``ids`` are in ``ordered``, which is sorted."""
    if not len(ordered):
        return np.zeros(len(ids), bool)
    places = np.minimum(np.searchsorted(ordered, ids), len(ordered) - 1)
    return np.asarray(ordered[places] == ids)


def _model(interval: Interval) -> IntervalModel:
    return IntervalModel(low=interval.low, high=interval.high, estimate=interval.estimate)
