"""A model's whole answer as one SQL condition over columns f0 to f31, which selects exactly the rows it accepts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clip_branches.engine.box import Box
from clip_branches.engine.branch import DecisionBranch
from clip_branches.engine.ensemble import BranchEnsemble
from clip_branches.engine.linear_scorer import LinearScorer


def answer_sql(model: object, off: Sequence[Box] = (), kept: Sequence[Box] = ()) -> str | None:
    """The WHERE condition of what the fitted ``model`` accepts; None for a model that SQL cannot say.

    off, kept: for a linear model, the boxes switched off and the other boxes that describe its answer (see
    ``explain.leaving``); a branch or an ensemble already comes without the boxes that are off. The condition of a
    linear model adds in REAL (float32) from left to right, as the engine does: a database that keeps to that (DuckDB)
    agrees to the last bit.
    """
    if isinstance(model, DecisionBranch):
        return any_sql(model.boxes_)
    if isinstance(model, BranchEnsemble):
        votes = [f"CASE WHEN {any_sql(boxes)} THEN 1 ELSE 0 END" for boxes in model.boxes_ if boxes]
        return f"{' + '.join(votes)} >= {model.need_}" if votes else "FALSE"
    if not isinstance(model, LinearScorer):
        return None
    terms = [_real(model.bias_), *(f"{_real(weight)} * f{d}" for d, weight in enumerate(model.weights_))]
    accepted = f"{' + '.join(terms)} >= {_real(model.threshold_)}"
    if not off:
        return accepted
    gone = f"({any_sql(off)})" + (f" AND NOT ({any_sql(kept)})" if kept else "")
    return f"{accepted} AND NOT ({gone})"


def any_sql(boxes: Sequence[Box]) -> str:
    """Rows inside at least one of the boxes."""
    conditions = dict.fromkeys(box.sql() for box in boxes)
    return " OR ".join(f"({condition})" for condition in conditions) or "FALSE"


def _real(value: np.float32) -> str:
    # Out of a string, the database reads the nearest float32; a bare literal would become a DECIMAL or DOUBLE first.
    return f"CAST('{np.float32(value)!s}' AS REAL)"
