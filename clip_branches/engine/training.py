"""The training set of boxes: labels, and what a linear score makes of random unlabelled images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from clip_branches.engine.checks import Codes, check_sample
from clip_branches.engine.cut import Vector, sigmoid
from clip_branches.engine.linear_scorer import LinearScorer

_LABEL = 5.0  # one label counts as so many unlabelled images of which the scorer is sure


@dataclass(frozen=True)
class TrainingSet:
    """codes uint8 (n, 32); right bool (n,); weight float64 (n,) > 0, as the catalogue weighs them; the fitted ranker;
    how many of the rows, the first, are labelled.

    A few labels leave boxes no room to generalise in 32 dimensions, and calling random images wrong punishes them
    for every right one among those. So the scorer reads the unlabelled images first: each counts as right or wrong,
    by its cut, as much as the scorer is sure of it.
    """

    codes: Codes
    right: NDArray[np.bool_]
    weight: Vector
    ranker: LinearScorer
    labelled: int

    @classmethod
    def read(
        cls, codes: Any, labels: Any, weight: Any, unlabelled: Any, ranker: LinearScorer | None, owner: str
    ) -> Self:
        """Checked and read by a fresh copy of ``ranker`` (a plain LinearScorer for None). Raises InvalidInput."""
        codes, right, weight, rest = check_sample(codes, labels, weight, unlabelled, owner)
        scorer: LinearScorer = LinearScorer() if ranker is None else clone(ranker)
        scorer.fit(codes, right, weight, rest)
        margin = (scorer.decision_function(rest) - scorer.threshold_).astype(np.float64)
        sure = np.abs(2 * sigmoid(margin) - 1)
        kept = np.concatenate([np.ones(len(codes), bool), sure > 0])
        return cls(
            np.vstack([codes, rest])[kept],
            np.concatenate([right, margin >= 0])[kept],
            np.concatenate([_LABEL * weight if len(rest) else weight, sure])[kept],
            scorer,
            len(codes),
        )


def balanced(right: NDArray[np.bool_], weight: Vector) -> Vector:
    """Weights rescaled so that both classes weigh 1 in all (a class without weight stays without)."""
    weight = weight.copy()
    for side in (right, ~right):
        total = weight[side].sum()
        if total > 0:
            weight[side] /= total
    return weight
