"""One decision branch: a union of boxes learned from labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.box import Box, members
from clip_branches.engine.checks import Floats, Rows, check_codes, check_count
from clip_branches.engine.cut import Vector
from clip_branches.engine.estimator import Model
from clip_branches.engine.kernels.grow import grow_branch
from clip_branches.engine.linear_scorer import LinearScorer
from clip_branches.engine.subsets import feature_subsets
from clip_branches.engine.training import TrainingSet, balanced

if TYPE_CHECKING:
    from clip_branches.engine.index import BoxIndex

_PURITY = 0.9  # least share of right ones, by balanced weights, in a box
_FAILURES = 3  # boxes in a row that are not pure enough, before a branch is left as it is
_COVERED = 0.98  # of the weight of the right ones: the last few are not worth boxes of their own


class DecisionBranch(Model):
    """A union of axis-aligned boxes grown around the positives; a row inside any box is accepted.

    Parameters
    ----------
    max_boxes : most boxes of the union.
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
        subset_seed: int = 0,
        ranker: LinearScorer | None = None,
        random_state: int | np.random.Generator | None = None,
    ) -> None:
        self.max_boxes = max_boxes
        self.subset_seed = subset_seed
        self.ranker = ranker
        self.random_state = random_state

    def fit(self, codes: Any, labels: Any, sample_weight: Any = None, unlabelled: Any = None) -> Self:
        """Learn from codes uint8 (n, 32) with labels 0/1 (n,), at least one of them 1."""
        self._forget()
        check_count(self.max_boxes, "max_boxes", "DecisionBranch")
        sample = TrainingSet.read(codes, labels, sample_weight, unlabelled, self.ranker, "DecisionBranch.fit")
        generator = np.random.default_rng(self.random_state)
        weight = balanced(sample.right, sample.weight)
        self.boxes_: list[Box] = grow(sample, weight, self, generator, share=1.0)
        self.ranker_ = sample.ranker
        self._fitted()
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
        rows, scores = index.union(self.boxes_, self.ranker_.weights_, float(self.ranker_.bias_))
        return rows, squashed(scores - self.ranker_.threshold_), np.ones(len(rows), np.int32)


def describing_boxes(codes: Any, right: NDArray[np.bool_], random_state: int | np.random.Generator | None) -> list[Box]:
    """Boxes that tell the ``right`` rows, at least one, of ``codes`` uint8 (n, 32) from the others.

    Those of a ``DecisionBranch`` fitted to the same labels, whose ranker nobody asks for here.
    """
    weight = np.ones(len(right))
    sample = TrainingSet(check_codes(codes, "describing_boxes"), right, weight, LinearScorer(), len(right))
    generator = np.random.default_rng(random_state)
    return grow(sample, balanced(right, weight), DecisionBranch(), generator, share=1.0)


def grow(sample: TrainingSet, weight: Vector, model: Any, generator: np.random.Generator, share: float) -> list[Box]:
    """Boxes of one branch; ``share`` of the feature subsets is tried for each box."""
    return draw(sample, weight, model, generator, share)()


def draw(
    sample: TrainingSet, weight: Vector, model: Any, generator: np.random.Generator, share: float
) -> Callable[[], list[Box]]:
    """As ``grow``, in two steps: all that is random now, the boxes, of any thread, when what is returned is called."""
    subsets = feature_subsets(model.subset_seed)
    seeds = generator.permutation(np.flatnonzero(sample.right & (weight > 0)))
    seeds = seeds[np.argsort(seeds >= sample.labelled, kind="stable")]  # what the user marked comes first
    allowed = np.zeros((model.max_boxes, subsets.count), np.uint8)
    for row in allowed:
        row[generator.permutation(subsets.count)[: max(1, round(share * subsets.count))]] = 1

    def grown() -> list[Box]:
        features, lows, highs, sizes = grow_branch(
            np.ascontiguousarray(sample.codes.T), weight, sample.right.astype(np.uint8), seeds,
            subsets.starts, subsets.features, allowed, _COVERED, _PURITY, _FAILURES,
        )  # fmt: skip
        boxes = []
        for i, size in enumerate(sizes):
            cut = (lows[i, :size] > 0) | (highs[i, :size] < 255)  # a side never cut says nothing
            boxes.append(Box(features[i, :size][cut], lows[i, :size][cut], highs[i, :size][cut]))
        return boxes

    return grown


def ranked_scores(index: BoxIndex, rows: Rows, ranker: LinearScorer) -> Floats:
    """The score that orders what boxes accept, float32 (k,): see ``squashed``.

    Boxes decide which rows are in, the linear score in which order: it tells rows apart far better than the few
    branches that happen to hold them.
    """
    return squashed(index.score(rows, ranker.weights_, float(ranker.bias_)) - ranker.threshold_)


def squashed(margins: Floats) -> Floats:
    """0.5 + 0.5 m / (1 + |m|), in (0, 1), of margins m over the ranker's cut, float32 (k,).

    Unlike a sigmoid it still tells large margins apart in float32.
    """
    wide = margins.astype(np.float64)
    scores: Floats = (0.5 + 0.5 * wide / (1 + np.abs(wide))).astype(np.float32)
    return scores
