"""One decision branch: a union of boxes learned from labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

from clip_branches.engine.box import Box, members
from clip_branches.engine.checks import Codes, Floats, Rows, check_codes, check_count, check_labels, check_weights
from clip_branches.engine.kernels.grow import grow_branch
from clip_branches.engine.linear_scorer import LinearScorer
from clip_branches.engine.subsets import feature_subsets
from clip_branches.errors import InvalidInput

if TYPE_CHECKING:
    from clip_branches.engine.index import BoxIndex

_FAILURES = 5


class DecisionBranch(BaseEstimator):  # type: ignore[misc]
    """A union of axis-aligned boxes grown around the positives; a row inside any box is accepted.

    Parameters
    ----------
    max_boxes : most boxes of the union.
    slack : how far a border moves beyond its outermost positive, in mean gaps between the positives.
    subset_seed : which feature subsets boxes may use (the same seed for every model of a catalogue).
    ranker : LinearScorer that orders the accepted rows; fitted on the same labels. None: a plain one.
    random_state : int, numpy Generator or None.

    Attributes
    ----------
    boxes_ : list of Box.   ranker_ : the fitted LinearScorer.   n_features_in_ : 32.
    """

    def __init__(
        self,
        max_boxes: int = 30,
        slack: float = 1.0,
        subset_seed: int = 0,
        ranker: LinearScorer | None = None,
        random_state: int | np.random.Generator | None = None,
    ) -> None:
        self.max_boxes = max_boxes
        self.slack = slack
        self.subset_seed = subset_seed
        self.ranker = ranker
        self.random_state = random_state

    def fit(self, codes: Any, labels: Any, sample_weight: Any = None, unlabelled: Any = None) -> Self:
        """Learn from codes uint8 (n, 32) with labels 0/1 (n,), at least one of them 1."""
        sample = TrainingSet.of(codes, labels, sample_weight, unlabelled, "DecisionBranch.fit")
        check_count(self.max_boxes, "max_boxes", "DecisionBranch")
        generator = np.random.default_rng(self.random_state)
        self.boxes_: list[Box] = grow(sample, sample.weight, self, generator, share=1.0)
        self.ranker_ = sample.fit_ranker(self.ranker)
        self.n_features_in_ = codes.shape[1]
        return self

    def predict(self, codes: Any) -> NDArray[np.int64]:
        """1 inside the union of boxes, else 0: int64 (n,)."""
        self._require_fit()
        held = members(self.boxes_, check_codes(codes, "DecisionBranch.predict", empty=True))
        accepted: NDArray[np.int64] = np.any(held, axis=0).astype(np.int64)
        return accepted

    def accept(self, index: BoxIndex) -> tuple[Rows, Floats, NDArray[np.int32]]:
        """Accepted rows ascending, their scores and votes (all 1)."""
        self._require_fit()
        rows, votes = index.vote([self.boxes_], 1)
        return rows, vote_scores(index, rows, votes, 1, self.ranker_), votes

    def _require_fit(self) -> None:
        if not hasattr(self, "boxes_"):
            raise InvalidInput(
                "This DecisionBranch must be fitted before it can answer: call fit(codes, labels) first."
            )


class TrainingSet:
    """Checked training data: labelled and unlabelled rows together, the latter as light negatives."""

    def __init__(
        self,
        codes: Codes,
        positive: NDArray[np.bool_],
        weight: NDArray[np.float64],
        unlabelled: Codes,
    ) -> None:
        self.labelled, self.labels, self.label_weight, self.unlabelled = codes, positive, weight, unlabelled
        self.codes: Codes = np.vstack([codes, unlabelled])
        self.positive = np.concatenate([positive, np.zeros(len(unlabelled), bool)])
        self.weight = balanced(self.positive, np.concatenate([weight, np.full(len(unlabelled), 0.1)]))

    @classmethod
    def of(cls, codes: Any, labels: Any, weight: Any, unlabelled: Any, owner: str) -> TrainingSet:
        codes = check_codes(codes, owner)
        positive = check_labels(labels, len(codes), owner)
        rest = codes[:0] if unlabelled is None else check_codes(unlabelled, owner, empty=True)
        return cls(codes, positive, check_weights(weight, len(codes), owner), rest)

    def fit_ranker(self, ranker: LinearScorer | None) -> LinearScorer:
        model: LinearScorer = LinearScorer() if ranker is None else clone(ranker)
        return model.fit(self.labelled, self.labels, self.label_weight, self.unlabelled)


def balanced(positive: NDArray[np.bool_], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights rescaled so that both classes weigh the same in all."""
    weight = weight.copy()
    for side in (positive, ~positive):
        total = weight[side].sum()
        if total > 0:
            weight[side] /= total
    return weight


def grow(
    sample: TrainingSet, weight: NDArray[np.float64], model: Any, generator: np.random.Generator, share: float
) -> list[Box]:
    """Boxes of one branch; ``share`` of the feature subsets is tried for each box."""
    subsets = feature_subsets(model.subset_seed)
    seeds = generator.permutation(np.flatnonzero(sample.positive & (weight > 0)))
    tries = model.max_boxes + _FAILURES
    allowed = np.zeros((tries, subsets.count), np.uint8)
    for t in range(tries):
        allowed[t, generator.permutation(subsets.count)[: max(1, round(share * subsets.count))]] = 1
    columns = np.ascontiguousarray(sample.codes.T)
    features, lows, highs, sizes = grow_branch(
        columns, weight, sample.positive.astype(np.uint8), seeds, subsets.starts, subsets.features,
        allowed, model.max_boxes, _FAILURES, float(model.slack), 0.5 * sample.codes.std(axis=0),
    )  # fmt: skip
    return [Box(features[i, :size], lows[i, :size], highs[i, :size]) for i, size in enumerate(sizes)]


def vote_scores(index: BoxIndex, rows: Rows, votes: NDArray[np.int32], branches: int, ranker: LinearScorer) -> Floats:
    """One float a row, float32 (k,), that orders by votes first and by the ranker's score second.

    (votes + sigmoid(ranker score)) / (branches + 1), the sigmoid kept inside (0, 1).
    """
    return combine(index.score(rows, ranker.weights_, float(ranker.bias_)) - ranker.threshold_, votes, branches)


def combine(margins: Floats, votes: NDArray[np.int32], branches: int) -> Floats:
    """See ``vote_scores``."""
    second = 1 / (1 + np.exp(-np.clip(margins.astype(np.float64), -12, 12)))
    return ((votes + second) / (branches + 1)).astype(np.float32)
