"""The models compared: ours, and their peers on the same codes or on the full floats."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from benchmarks.quality.catalogues import Catalogue, Concept
from benchmarks.quality.published import published_branch, published_ensemble
from clip_branches.engine import BranchEnsemble, DecisionBranch, fit_feedback

Rows = NDArray[np.int64]
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Labels:
    """Rows marked right and wrong, and rows drawn at random that nobody looked at."""

    right: Rows
    wrong: Rows
    unlabelled: Rows


@dataclass(frozen=True)
class Outcome:
    """scores (n,) of the whole catalogue, higher is better; accepted (n,) or None without a cut.

    seconds of training are the processor's, which other work does not disturb. within: scores that order the answer
    alone (all else shares the lowest), where they differ from ``scores``.
    """

    scores: Vector
    accepted: NDArray[np.bool_] | None
    seconds: float
    within: Vector | None = None


Model = Callable[[Catalogue, Concept, Labels], Outcome]
_PEER_NEGATIVES = 100  # of the unlabelled, taken for wrong by models that know no unlabelled ones


def ours(name: str) -> Model:
    def fit(catalogue: Catalogue, concept: Concept, labels: Labels) -> Outcome:
        started = time.process_time()
        model = fit_feedback(
            name, anchor=concept.query, positive=catalogue.codes[labels.right], negative=catalogue.codes[labels.wrong],
            unlabelled=catalogue.codes[labels.unlabelled], quantiser=catalogue.quantiser, random_state=0,
        )  # fmt: skip
        seconds = time.process_time() - started
        accepted = model.predict(catalogue.codes).astype(bool)
        if not isinstance(model, BranchEnsemble | DecisionBranch):
            scores = np.asarray(model.decision_function(catalogue.codes), np.float64)
            return Outcome(scores, accepted, seconds)
        # What is accepted comes first, as the engine orders it; the rest follows by the same score.
        margin = np.asarray(model.ranker_.decision_function(catalogue.codes), np.float64)
        scores = 2.0 * accepted + margin / (1 + np.abs(margin))
        return Outcome(scores, accepted, seconds, np.where(accepted, scores, -1.0))

    return fit


def text(full: bool = False) -> Model:
    def rank(catalogue: Catalogue, concept: Concept, labels: Labels) -> Outcome:
        return Outcome(text_scores(catalogue, concept, full=full), None, 0.0)

    return rank


def text_scores(catalogue: Catalogue, concept: Concept, *, full: bool = False) -> Vector:
    """What the query's vector makes of every image."""
    if full:
        return (catalogue.vectors @ concept.query_full).astype(np.float64)
    return (catalogue.quantiser.decode(catalogue.codes) @ concept.query).astype(np.float64)


def rocchio(catalogue: Catalogue, concept: Concept, labels: Labels) -> Outcome:
    """Query + 0.75 mean of the right ones - 0.25 mean of the wrong ones (Rocchio 1971, the usual weights)."""
    vectors = catalogue.quantiser.decode(catalogue.codes)
    started = time.process_time()
    direction = concept.query + 0.75 * vectors[labels.right].mean(axis=0)
    if len(labels.wrong):
        direction = direction - 0.25 * vectors[labels.wrong].mean(axis=0)
    return Outcome((vectors @ direction).astype(np.float64), None, time.process_time() - started)


def peer(make: Callable[[], Any], full: bool = False) -> Model:
    """A classifier of scikit-learn on decoded codes or full floats; its cut is its own ``predict``."""

    def fit(catalogue: Catalogue, concept: Concept, labels: Labels) -> Outcome:
        vectors = catalogue.scaled_vectors if full else catalogue.decoded
        rows = np.concatenate([labels.right, labels.wrong, labels.unlabelled[:_PEER_NEGATIVES]])
        truth = np.arange(len(rows)) < len(labels.right)
        started = time.process_time()
        model = make().fit(vectors[rows], truth)
        seconds = time.process_time() - started
        if hasattr(model, "decision_function"):
            scores, cut = model.decision_function(vectors), 0.0
        else:
            scores, cut = model.predict_proba(vectors)[:, 1], 0.5
        return Outcome(np.asarray(scores, np.float64), scores > cut, seconds)

    return fit


def published(fit_votes: Callable[..., tuple[Vector, NDArray[np.bool_]]]) -> Model:
    """The published method: its order is the number of boxes or branches that hold an image, and nothing else."""

    def fit(catalogue: Catalogue, concept: Concept, labels: Labels) -> Outcome:
        wrong = np.concatenate([labels.wrong, labels.unlabelled[:_PEER_NEGATIVES]])
        started = time.process_time()
        predict = fit_votes(catalogue.codes[labels.right], catalogue.codes[wrong], np.random.default_rng(0))
        seconds = time.process_time() - started
        votes, accepted = predict(catalogue.codes)  # type: ignore[operator]
        return Outcome(votes, accepted, seconds)

    return fit


def _logistic() -> LogisticRegression:
    return LogisticRegression(C=1.0, class_weight="balanced", max_iter=1_000)


def _rbf() -> SVC:
    return SVC(C=10, class_weight="balanced")


def _extra() -> ExtraTreesClassifier:
    return ExtraTreesClassifier(100, class_weight="balanced", random_state=0)


MODELS: dict[str, Model] = {
    "text": text(),
    "auto": ours("auto"),
    "branch": ours("branch"),
    "ensemble": ours("ensemble"),
    "published branch": published(published_branch),
    "published ensemble": published(published_ensemble),
    "rocchio": rocchio,
    "logistic": peer(_logistic),
    "linear svm": peer(lambda: LinearSVC(class_weight="balanced", max_iter=5_000, random_state=0)),
    "rbf svm": peer(_rbf),
    "tree": peer(lambda: DecisionTreeClassifier(class_weight="balanced", random_state=0)),
    "forest 25": peer(lambda: RandomForestClassifier(25, class_weight="balanced", random_state=0)),
    "extra trees 100": peer(_extra),
    "text (floats)": text(full=True),
    "logistic (floats)": peer(_logistic, full=True),
    "rbf svm (floats)": peer(_rbf, full=True),
    "extra trees (floats)": peer(_extra, full=True),
}
SMALL_MODELS = (
    "text", "auto", "branch", "ensemble", "published branch", "published ensemble", "rocchio", "logistic", "rbf svm",
    "extra trees 100",
)  # fmt: skip
RIVALS = ("rocchio", "logistic", "rbf svm", "forest 25", "extra trees 100")  # whom the default model must reach
