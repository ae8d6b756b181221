"""From a user's labels to a fitted model, and to boxes that describe its answer."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.box import Box, members
from clip_branches.engine.branch import DecisionBranch, describing_boxes
from clip_branches.engine.checks import DIMS, check_codes
from clip_branches.engine.ensemble import BranchEnsemble
from clip_branches.engine.linear_scorer import LinearScorer
from clip_branches.engine.workers import Workers
from clip_branches.errors import InvalidInput

Model = DecisionBranch | BranchEnsemble | LinearScorer
ModelName = Literal["auto", "linear", "branch", "ensemble"]
MODEL_NAMES = ("auto", "linear", "branch", "ensemble")
_NO_CODES = np.zeros((0, DIMS), np.uint8)


def fit_feedback(
    name: str,
    *,
    anchor: Any = None,
    positive: Any,
    negative: Any = None,
    unlabelled: Any = None,
    quantiser: Any = None,
    random_state: int | np.random.Generator | None = 0,
    workers: Workers | None = None,
) -> Model:
    """A fitted model from codes uint8 (k, 32) labelled right and wrong and codes drawn at random from the catalogue.

    anchor: the query's unit vector, float (32,), or None for a search by labels alone. workers: threads that share the
    training of an ensemble. A new model every call; raises
    InvalidInput when there is no positive or the name is not one of MODEL_NAMES.
    """
    if name not in MODEL_NAMES:
        raise InvalidInput(f"The 'model' must be one of {', '.join(MODEL_NAMES)}. Got {name!r} instead.", field="model")
    right = check_codes(_NO_CODES if positive is None else positive, "fit_feedback", empty=True)
    wrong = check_codes(_NO_CODES if negative is None else negative, "fit_feedback", empty=True)
    rest = check_codes(_NO_CODES if unlabelled is None else unlabelled, "fit_feedback", empty=True)
    if not len(right):
        raise InvalidInput(
            "The 'positive' labels must hold at least one image: mark one that is right. Got none instead.",
            field="positive",
        )
    scorer = LinearScorer(anchor=anchor, quantiser=quantiser)
    labels = np.repeat([1, 0], [len(right), len(wrong)])
    codes = np.vstack([right, wrong])
    if name in ("auto", "linear"):
        return scorer.fit(codes, labels, unlabelled=rest)
    if name == "branch":
        return DecisionBranch(ranker=scorer, random_state=random_state).fit(codes, labels, unlabelled=rest)
    ensemble = BranchEnsemble(ranker=scorer, random_state=random_state)
    return ensemble.fit(codes, labels, unlabelled=rest, workers=workers)


def explanation_boxes(
    model: Model,
    *,
    positive: Any = None,
    negative: Any = None,
    unlabelled: Any = None,
    random_state: int | np.random.Generator | None = 0,
    limit: int = 12,
) -> list[Box]:
    """At most ``limit`` boxes that describe the model's answer, the one that holds most of it first.

    For a branch and an ensemble: the model's own. For a linear model: boxes grown to tell what it accepts of the
    given codes from what it does not; without codes there are none.
    """
    codes = np.vstack(
        [
            check_codes(_NO_CODES if part is None else part, "explanation_boxes", empty=True)
            for part in (positive, negative, unlabelled)
        ]
    )
    if isinstance(model, DecisionBranch):
        boxes = list(model.boxes_)
    elif isinstance(model, BranchEnsemble):
        boxes = [box for branch in model.boxes_ for box in branch]
    elif len(codes):
        accepted = model.predict(codes)
        if not accepted.any():
            accepted[np.argmax(model.decision_function(codes))] = 1
        boxes = describing_boxes(codes, accepted == 1, random_state)
    else:
        boxes = []
    return _most_telling(list(dict.fromkeys(boxes)), model, codes, limit)


def _most_telling(boxes: list[Box], model: Model, codes: NDArray[np.uint8], limit: int) -> list[Box]:
    """Greedily, the boxes that add most accepted rows not yet shown."""
    if not len(codes) or not boxes:
        return boxes[:limit]
    held = members(boxes, codes) & (model.predict(codes) == 1)
    chosen: list[Box] = []
    left = np.ones(len(codes), bool)
    while len(chosen) < min(limit, len(boxes)):
        gain = (held & left).sum(axis=1)
        best = int(np.argmax(gain))
        if gain[best] == 0:
            break
        chosen.append(boxes[best])
        left &= ~held[best]
    return chosen or boxes[:limit]
