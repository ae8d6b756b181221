"""How far the words of a query say what is wanted: readings of the labels, weighed by evidence.

A reading is a Bayesian logistic regression whose weights are a pull of the text plus what the labels add:
w = pull * t + delta, delta ~ N(0, spread^2 P). A strong pull with a small spread trusts the words and corrects them a
little, no pull with a wide spread learns from the labels alone. Which reading holds is not decided but weighed: by its
evidence, the probability that it gives to the labels (MacKay 1992), times its prior, as in Bayesian model averaging
(Hoeting et al. 1999). Only labelled images count as evidence: what a person marks was mostly found by the words, so
against random images the words would always look right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.logistic import Fit, Vector, fit_logistic, times

_PULLS = (0.5, 1.0, 2.0, 4.0, 8.0)  # log odds for one standard deviation of the text's score
_SPREADS = (0.3, 1.0, 3.0)  # standard deviation of the log odds that the labels may add
_SILENT = 0.05  # prior probability that the words say nothing about what is wanted
# Prior covariance of what the labels add: variances of the catalogue's own axes to this power. 0 would be a plain
# ridge, where loud attributes drown quiet ones; 1 would hear every axis equally, noise as well.
_SHAPE = -0.7
_LEAST = np.log(0.01)  # readings this much less likely than the best are left out
_STAND_INS = 300


@dataclass(frozen=True)
class Reading:
    """direction (d,) of unit sd over the catalogue; scores of the labelled images along it, seen and as if they had
    not been trained on (n,); slope: log odds of being right for one unit of score; log evidence of the labels; trust in
    the words, 0 to 1."""

    direction: Vector
    scores: Vector
    unseen: Vector
    slope: float
    evidence: float
    trust: float


class Readings:
    """Labelled x (n, d), right (n,), weight (n,) and random rest (m, d), all centred; covariance (d, d) of the
    catalogue; anchor (d,), the text's direction of unit sd over the catalogue, or None."""

    def __init__(
        self,
        x: Vector,
        right: NDArray[np.bool_],
        weight: Vector,
        rest: Vector,
        covariance: Vector,
        anchor: Vector | None,
    ) -> None:
        self.x, self.right, self.weight = x, right, weight
        self.covariance, self.anchor = covariance, anchor
        self._root = _root(covariance)
        self.text = np.zeros(len(x)) if anchor is None else times(x, anchor[:, None])[:, 0]
        # Where fewer wrong than right ones are marked, random images stand in for those that are missing.
        missing = max(0.0, float(weight[right].sum() - weight[~right].sum()))
        self.stand_ins = rest[:: -(-len(rest) // _STAND_INS)] if missing and len(rest) else rest[:0]
        self.stand_in_weight = np.full(len(self.stand_ins), missing / max(1, len(self.stand_ins)))

    def weigh(self) -> Reading:
        """The average of all readings, each as heavy as prior and evidence make it."""
        family = [(0.0, spread, _SILENT / len(_SPREADS)) for spread in _SPREADS]
        if self.anchor is not None:
            likeness = [(pull, spread, pull / spread) for pull in _PULLS for spread in _SPREADS]
            total = sum(prior for _, _, prior in likeness)
            family += [(pull, spread, (1 - _SILENT) * prior / total) for pull, spread, prior in likeness]
        fits = [self._labels_alone(pull, spread) for pull, spread, _ in family]
        heard = np.log([prior for _, _, prior in family]) + [fit.evidence for fit in fits]
        if self.anchor is None:
            heard -= np.log(_SILENT)
        parts = [
            replace(self._read(pull, spread, fit), evidence=float(log_share))
            for log_share, (pull, spread, _), fit in zip(heard, family, fits, strict=True)
            if log_share - heard.max() > _LEAST
        ]
        return replace(average(parts, self.covariance), evidence=float(np.logaddexp.reduce(heard)))

    def words_alone(self) -> float:
        """Log evidence of the words without any turn: only how much they say, and how many are right, is left open."""
        return float(np.logaddexp.reduce([self._plain(pull) for pull in _PULLS]) - np.log(len(_PULLS)))

    def nothing(self) -> float:
        """Log evidence of knowing only how many of the labelled images are right."""
        return self._plain(0.0)

    def _plain(self, pull: float) -> float:
        unmoved, root = np.zeros((len(self.x), 1)), np.ones((1, 1))
        right = self.right.astype(np.float64)
        return fit_logistic(unmoved, right, self.weight, pull * self.text, root, len(self.x)).evidence

    def free(self) -> Reading:
        """The labels alone, without the words: where a search for a clump starts."""
        return self._read(0.0, _SPREADS[-1])

    def _read(self, pull: float, spread: float, alone: Fit | None = None) -> Reading:
        """One reading; ``alone``: its fit to the labels alone, where there is one already."""
        alone = alone or self._labels_alone(pull, spread)
        fit = self._with_stand_ins(pull, spread) if len(self.stand_ins) else alone
        direction = fit.direction if self.anchor is None else fit.direction + pull * self.anchor
        scale = sd_of(direction, self.covariance)
        scores = times(self.x, direction[:, None] / scale)[:, 0]
        unseen = scores + (fit.unseen - fit.scores) / scale
        # What the labels leave open of a score evens out its odds (MacKay 1992, the moderated output).
        slope = scale / np.sqrt(1 + np.pi * spread**2 / 8)
        return Reading(direction / scale, scores, unseen, slope, alone.evidence, pull**2 / (pull**2 + spread**2))

    def _labels_alone(self, pull: float, spread: float) -> Fit:
        right = self.right.astype(np.float64)
        return fit_logistic(self.x, right, self.weight, pull * self.text, spread * self._root, len(self.x))

    def _with_stand_ins(self, pull: float, spread: float) -> Fit:
        rows = np.vstack([self.x, self.stand_ins])
        right = np.concatenate([self.right, np.zeros(len(self.stand_ins), bool)]).astype(np.float64)
        weight = np.concatenate([self.weight, self.stand_in_weight])
        text = np.zeros(len(rows)) if self.anchor is None else times(rows, self.anchor[:, None])[:, 0]
        return fit_logistic(rows, right, weight, pull * text, spread * self._root, len(self.x))


def average(readings: list[Reading], covariance: Vector) -> Reading:
    """Their mean by evidence: directions of unit sd, and with them everything that is linear in them."""
    evidence = np.array([reading.evidence for reading in readings])
    together = float(np.logaddexp.reduce(evidence))
    shares = np.exp(evidence - together)
    direction, scores, unseen = (
        np.sum([share * part for share, part in zip(shares, parts, strict=True)], axis=0)
        for parts in zip(*[(r.direction, r.scores, r.unseen) for r in readings], strict=True)
    )
    scale = sd_of(direction, covariance)
    trust = float(shares @ np.array([r.trust for r in readings]))
    slope = float(np.exp(shares @ np.log(np.array([r.slope for r in readings]))))
    return Reading(direction / scale, scores / scale, unseen / scale, slope, together, trust)


def sd_of(direction: Vector, covariance: Vector) -> float:
    """Standard deviation of the catalogue along a direction (1 where it has none)."""
    return float(np.sqrt(max(float(direction @ covariance @ direction), 0.0))) or 1.0


def unit(direction: Vector, covariance: Vector) -> Vector:
    """Scaled to unit standard deviation over the catalogue (unchanged where it has none)."""
    return direction / sd_of(direction, covariance)


def _root(covariance: Vector) -> Vector:
    """Root of P, scaled so that x.delta has variance 1 over the catalogue."""
    variances, axes = np.linalg.eigh(covariance)
    prior = np.maximum(variances, 1e-3 * variances.mean()) ** _SHAPE
    root: Vector = axes * np.sqrt(prior / (prior * variances).sum())
    return root
