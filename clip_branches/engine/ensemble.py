"""An ensemble of decision branches that vote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.box import Box, members
from clip_branches.engine.branch import draw, ranked_scores
from clip_branches.engine.checks import Floats, Rows, check_codes, check_count
from clip_branches.engine.estimator import Model
from clip_branches.engine.linear_scorer import LinearScorer
from clip_branches.engine.training import TrainingSet, balanced
from clip_branches.engine.workers import Workers

if TYPE_CHECKING:
    from clip_branches.engine.index import BoxIndex


class BranchEnsemble(Model):
    """Decision branches on bootstrap samples; a row is accepted when enough BRANCHES (not boxes) hold it.

    How many are enough (``need_``) is chosen on out-of-bag votes.

    Attributes
    ----------
    boxes_ : one list of Box a branch.   need_ : least votes accepted.   ranker_ : orders what is accepted.
    """

    def __init__(
        self,
        n_estimators: int = 25,
        max_boxes: int = 10,
        subset_share: float = 0.5,
        subset_seed: int = 0,
        ranker: LinearScorer | None = None,
        random_state: int | np.random.Generator | None = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.max_boxes = max_boxes
        self.subset_share = subset_share
        self.subset_seed = subset_seed
        self.ranker = ranker
        self.random_state = random_state

    def fit(
        self,
        codes: Any,
        labels: Any,
        sample_weight: Any = None,
        unlabelled: Any = None,
        workers: Workers | None = None,
    ) -> Self:
        """Learn from codes uint8 (n, 32) with labels 0/1 (n,), at least one of them 1.

        workers: threads that share the branches; they change nothing but the time.
        """
        self._forget()
        branches = check_count(self.n_estimators, "n_estimators", "BranchEnsemble")
        check_count(self.max_boxes, "max_boxes", "BranchEnsemble")
        sample = TrainingSet.read(codes, labels, sample_weight, unlabelled, self.ranker, "BranchEnsemble.fit")
        generator = np.random.default_rng(self.random_state)
        drawn = np.stack([_bootstrap(sample.right, generator) for _ in range(branches)])
        branches_drawn = [
            draw(sample, balanced(sample.right, sample.weight * times), self, generator, share=self.subset_share)
            for times in drawn
        ]
        boxes = (Workers() if workers is None else workers).map(lambda grown: grown(), branches_drawn)
        self.boxes_: list[list[Box]] = boxes
        self.need_ = _choose_need(sample, drawn, boxes)
        self.ranker_ = sample.ranker
        self._fitted()
        return self

    def votes(self, codes: Any) -> NDArray[np.int64]:
        """How many branches hold each row: int64 (n,)."""
        self._require_fit()
        held = _held(self.boxes_, check_codes(codes, "BranchEnsemble.votes", empty=True))
        votes: NDArray[np.int64] = held.sum(axis=0, dtype=np.int64)
        return votes

    def predict(self, codes: Any) -> NDArray[np.int64]:
        """1 where at least ``need_`` branches hold the row, else 0: int64 (n,)."""
        return (self.votes(codes) >= self.need_).astype(np.int64)

    def accept(self, index: BoxIndex) -> tuple[Rows, Floats, NDArray[np.int32]]:
        """Accepted rows ascending, the scores that order them (the ranker's) and their votes."""
        self._require_fit()
        rows, votes = index.vote(self.boxes_, self.need_)
        return rows, ranked_scores(index, rows, self.ranker_), votes


def _bootstrap(positive: NDArray[np.bool_], generator: np.random.Generator) -> NDArray[np.int64]:
    """How often each row is drawn; each class is drawn by itself, so there is always a positive."""
    times = np.zeros(len(positive), np.int64)
    for side in (positive, ~positive):
        rows = np.flatnonzero(side)
        if len(rows):
            times += np.bincount(generator.choice(rows, len(rows)), minlength=len(positive))
    return times


def _held(branches: list[list[Box]], codes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """bools (branches, n): does a branch hold a row in any of its boxes."""
    return np.stack([members(boxes, codes).any(axis=0) for boxes in branches])


def _choose_need(sample: TrainingSet, drawn: NDArray[np.int64], branches: list[list[Box]]) -> int:
    """Votes that give the best F1 out of bag: rows are judged only by branches that did not see them."""
    unseen = drawn == 0
    judged = unseen.sum(axis=0)
    known = judged > 0
    if not (known & sample.right).any():
        return max(1, round(0.2 * len(branches)))
    share = (_held(branches, sample.codes) & unseen).sum(axis=0)[known] / judged[known]
    positive, weight = sample.right[known], sample.weight[known]
    best, need = -1.0, 1
    for candidate in range(1, len(branches) + 1):
        accepted = share >= candidate / len(branches) - 1e-9
        right = weight[accepted & positive].sum()
        score = 2 * right / (weight[accepted].sum() + weight[positive].sum())
        if score > best + 1e-12:
            best, need = score, candidate
    return need
