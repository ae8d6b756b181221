"""What another cut on the score would give: how many images, and how many of them right by the model's own estimate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from clip_branches.engine import AnswerSet, Rule
from clip_branches.schemas.answers import CutStep
from search_service.served import Served

_SAMPLE = 4_096
_STEPS = 24  # on each side of the answer's cut
_MOST = 4  # times as many images as the answer at the lenient end
_STREAM = 0x637574  # "cut"


def cut_steps(served: Served, result_set: str, rule: Rule, found: AnswerSet) -> list[CutStep]:
    """Cuts from strict to lenient around that of the answer, which is one of them; empty where nothing is accepted.

    Counts above the cut are exact. Below it they come from a random sample of the catalogue, always the same.
    """
    if not found.total:
        return []
    cut = float(rule.model.threshold_)
    scores = found.scores.astype(np.float64)  # falling
    places = np.unique(np.linspace(0, found.total - 1, _STEPS + 1).astype(int)[1:-1])
    above = [_step(float(scores[place]), scores[: place + 1], exact=True) for place in places.tolist()]
    here = [_step(cut, scores, exact=True)]
    codes = served.engine.sample(_SAMPLE, np.random.default_rng([int(result_set, 16), _STREAM]))
    each = served.engine.size / len(codes) if len(codes) else 0.0
    if rule.off:
        codes = codes[~rule.turned_away(codes)]
    below = -np.sort(-rule.model.decision_function(codes).astype(np.float64)) if len(codes) else np.zeros(0)
    below = below[below < cut]
    within = below[: int((_MOST - 1) * found.total / each) if each else 0]
    more = [_below(scores, within[: place + 1], each) for place in _places(len(within))]
    return [*above, *here, *more]


def _places(n: int) -> list[int]:
    return (np.unique(np.linspace(0, n, _STEPS + 1).astype(int))[1:] - 1).tolist()  # of 0, the first, none is left


def _step(cut: float, scores: npt.NDArray[np.float64], *, exact: bool) -> CutStep:
    return CutStep(cut=cut, total=len(scores), exact=exact, precision=float(_right(scores).mean()))


def _below(scores: npt.NDArray[np.float64], sampled: npt.NDArray[np.float64], each: float) -> CutStep:
    total = len(scores) + each * len(sampled)
    right = float(_right(scores).sum()) + each * float(_right(sampled).sum())
    return CutStep(cut=float(sampled[-1]), total=round(total), exact=False, precision=right / total)


def _right(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Probability that an image is right, from its score, an estimate of the log odds."""
    return np.asarray(1 / (1 + np.exp(-np.clip(scores, -40, 40))))
