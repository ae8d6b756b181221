"""A linear score on the codes, learned from few labels and anchored on the text."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.calibration import calibrate
from clip_branches.engine.checks import (
    DIMS,
    Floats,
    Rows,
    check_codes,
    check_linear,
    check_sample,
)
from clip_branches.engine.clump import find_clump
from clip_branches.engine.cut import best_threshold, between_labels, fit_offset, fit_scores, worth_moving
from clip_branches.engine.estimator import Model
from clip_branches.engine.guard import worth_turning
from clip_branches.engine.kernels.linear import score_codes
from clip_branches.engine.lean import lean
from clip_branches.engine.logistic import Vector, times
from clip_branches.engine.readings import Reading, Readings, average, unit
from clip_branches.errors import InvalidInput

if TYPE_CHECKING:
    from clip_branches.engine.index import BoxIndex

_FEW = 30  # with fewer unlabelled images there is no distribution to cut
_SILENT = 0.5  # that the words say nothing of what is wanted, where they explain the labels no better than nothing


class LinearScorer(Model):
    """Score ``bias_ + sum_d weights_[d] * code[d]``; rows at or above ``threshold_`` are accepted.

    With unlabelled codes the score is an estimate of the log odds that an image is right.

    Parameters
    ----------
    anchor : ndarray of shape (32,), optional
        The query's unit vector: the direction that few labels must argue against.
    quantiser : optional
        What turned vectors into codes (``low_`` and ``step_`` of shape (32,)); without one, codes stand for vectors.

    Attributes
    ----------
    weights_ : ndarray of shape (32,), float32.   bias_, threshold_ : float32.   n_features_in_ : 32.
    trust_ : float, 0 to 1, how far the labels agree that the anchor says what is wanted (0 without an anchor).
    """

    def __init__(self, anchor: Any = None, quantiser: Any = None) -> None:
        self.anchor = anchor
        self.quantiser = quantiser

    def fit(self, codes: Any, labels: Any, sample_weight: Any = None, unlabelled: Any = None) -> Self:
        """Learn from codes uint8 (n, 32) with labels 0/1 (n,), at least one of them 1.

        sample_weight: finite, >= 0, (n,). unlabelled: codes uint8 (m, 32) drawn at random from the catalogue, mostly
        but not surely wrong. Raises InvalidInput.
        """
        self._forget()
        codes, right, weight, rest = check_sample(codes, labels, sample_weight, unlabelled, "LinearScorer.fit")
        low, step = self._affine()
        problem = _Problem(low + step * codes, low + step * rest, right, weight, self._checked_anchor())
        w, slope, offset, threshold = problem.solve()
        bias = float(offset + slope * (low - problem.centre) @ w)
        weights, bias32 = check_linear(slope * w * step, bias, "LinearScorer.fit")
        self.weights_: Floats = weights
        self.bias_: np.float32 = bias32
        self.threshold_ = np.float32(threshold)
        self.trust_ = problem.trust
        self._fitted()
        return self

    def decision_function(self, codes: Any) -> Floats:
        """Scores, float32 (n,), of codes uint8 (n, 32)."""
        checked = check_codes(codes, "LinearScorer.decision_function", empty=True)
        self._require_fit()
        out = np.empty(len(checked), np.float32)
        score_codes(checked, self.weights_, self.bias_, out)
        return out

    def predict(self, codes: Any) -> NDArray[np.int64]:
        """1 where the score reaches ``threshold_``, else 0: int64 (n,)."""
        return (self.decision_function(codes) >= self.threshold_).astype(np.int64)

    def accept(self, index: BoxIndex) -> tuple[Rows, Floats, None]:
        """Accepted rows ascending and their scores."""
        self._require_fit()
        rows, scores = index.above(self.weights_, float(self.bias_), float(self.threshold_))
        return rows, scores, None

    def _affine(self) -> tuple[Vector, Vector]:
        if self.quantiser is None:
            return np.full(DIMS, -1.0), np.full(DIMS, 1 / 127.5)
        return np.asarray(self.quantiser.low_, np.float64), np.asarray(self.quantiser.step_, np.float64)

    def _checked_anchor(self) -> Vector | None:
        if self.anchor is None:
            return None
        anchor = np.asarray(self.anchor, np.float64)
        if anchor.shape != (DIMS,) or not np.isfinite(anchor).all() or not anchor.any():
            raise InvalidInput(
                f"The 'anchor' of LinearScorer must be {DIMS} finite numbers, not all 0. Got {anchor!r} instead."
            )
        return anchor


class _Problem:
    """Labelled and unlabelled vectors, centred, with the covariance that tells loud directions from quiet ones."""

    def __init__(
        self,
        x: Vector,
        rest: Vector,
        right: NDArray[np.bool_],
        weight: Vector,
        anchor: Vector | None,
    ) -> None:
        everything = rest if len(rest) >= _FEW else np.vstack([x, rest])
        self.centre: Vector = everything.mean(axis=0)
        self.x, self.rest, self.right, self.weight = x - self.centre, rest - self.centre, right, weight
        spread = everything - self.centre
        floor = 1e-9 + 1e-6 * float((x**2).mean())  # constant dimensions keep a little variance
        self.covariance: Vector = times(spread.T, spread) / len(everything) + floor * np.eye(DIMS)
        self.anchor = None if anchor is None else unit(anchor, self.covariance)

    def solve(self) -> tuple[Vector, float, float, float]:
        """Direction (d,) of unit sd over the catalogue; slope and offset of the log odds along it; the cut in them."""
        readings = Readings(self.x, self.right, self.weight, self.rest, self.covariance, self.anchor)
        reading, clump = readings.weigh(), None
        if len(self.rest) >= _FEW:
            clump = find_clump(readings.free(), self.x, self.right, self.rest, self.covariance)
            reading = average([reading, clump], self.covariance)
        self.trust = reading.trust
        alike = 0.0 if self.anchor is None else float(reading.direction @ self.covariance @ self.anchor)
        if self.anchor is not None and not worth_turning(readings, reading, alike):
            if clump is not None:
                silent = 0.0 if readings.words_alone() > readings.nothing() else _SILENT
                return self._cut_text(self.anchor, readings.text, reading.slope, silent)
            reading = replace(reading, direction=self.anchor, scores=readings.text, unseen=readings.text)
        elif clump is not None and clump.evidence > reading.evidence - np.log(2):  # more likely than all else together
            return self._cut_clump(reading)
        if clump is None:
            return reading.direction, reading.slope, -reading.slope * _middle(reading.unseen, self.right), 0.0
        scores = times(self.rest, reading.direction[:, None])[:, 0]
        stand_ins = times(readings.stand_ins, reading.direction[:, None])[:, 0]
        offset = fit_offset(
            reading.slope * np.concatenate([reading.unseen, stand_ins]),
            np.concatenate([self.right, np.zeros(len(stand_ins), bool)]),
            np.concatenate([self.weight, readings.stand_in_weight]),
        )
        return reading.direction, reading.slope, offset, best_threshold(reading.slope * scores + offset)

    def _cut_text(
        self, anchor: Vector, labelled: Vector, slope: float, silent: float
    ) -> tuple[Vector, float, float, float]:
        """As ``solve``: the words' own order, cut by what the labels, slips among them, leave possible."""
        found = calibrate(times(self.rest, anchor[:, None])[:, 0], labelled, self.right, self.weight, slope, silent)
        return anchor, found.slope, found.offset, found.cut

    def _cut_clump(self, reading: Reading) -> tuple[Vector, float, float, float]:
        """As ``solve``: a clump shows in the catalogue itself where it ends."""
        w = reading.direction
        if self.anchor is not None:
            w = lean(w, self.anchor, self.rest, self.covariance)
        unseen = times(self.x, w[:, None])[:, 0] + reading.unseen - reading.scores
        scores = times(self.rest, w[:, None])[:, 0]
        mixture = fit_scores(scores, unseen[self.right], unseen[~self.right])
        labelled = mixture.log_odds(unseen)
        odds = mixture.log_odds(scores)
        cut = best_threshold(odds)
        moved = between_labels(cut, labelled[self.right], labelled[~self.right])
        # One image marked wrong deep inside the clump does not take a quarter of the clump with it.
        return w, mixture.slope, mixture.offset, moved if worth_moving(cut, moved, odds) else cut


def _middle(scores: Vector, right: NDArray[np.bool_]) -> float:
    """Half-way between the labelled classes; just below the lowest right one where none is wrong."""
    if right.all():
        return float(scores.min()) - 1e-6
    return float((scores[right].mean() + scores[~right].mean()) / 2)
