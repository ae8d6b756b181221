"""Images worth labelling next: some that the model is unsure of, some that are likely right, some unlike all labels.

Labelling the top of an answer mostly confirms what the model knows; the boundary teaches most. So three of four turns
ask about one of the images nearest to the cut, the others about one that is likely right or one unlike every label, so
that a part of the concept that the model has not met is not missed. Each turn takes the image farthest from everything
labelled or suggested before (greedy farthest-first, Gonzalez 1985), by turns over the boxes that describe the answer.
Nothing is random: the same model and labels give the same suggestions.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.answers import Ids
from clip_branches.engine.box import members
from clip_branches.engine.checks import Codes, check_count

if TYPE_CHECKING:
    from clip_branches.engine.explain import Rule
    from clip_branches.engine.search_engine import SearchEngine

Reason = Literal["unsure", "likely", "unlike"]
Vectors = NDArray[np.float32]

_TURNS: tuple[Reason, ...] = ("unsure", "unsure", "unsure", "likely", "unsure", "unsure", "unsure", "unlike")
_BELOW = (3.0, 9.0, np.inf)  # log odds under the cut down to which images are looked at; further where they are few
_CHOICE = 5  # images to choose from for each one suggested: the nearest to the cut
_POOL = 4_000  # most images looked at: of the best, of those just inside and of those just outside
_BOXES = 12


@dataclass(frozen=True)
class Suggestions:
    """Images to label, the most useful first: ids uint64 (k,), their ``margins`` over the cut float32 (k,), whether
    each is in the answer, bools (k,), and why each was chosen."""

    ids: Ids
    margins: NDArray[np.float32]
    accepted: NDArray[np.bool_]
    reasons: tuple[Reason, ...]


def suggest(engine: SearchEngine, rule: Rule, labelled: Any, limit: int, exclude: Any = ()) -> Suggestions:
    """At most ``limit`` live images worth labelling after the model of ``rule`` was trained on ``labelled``.

    labelled: ids that have a label, at least one. Neither they nor the ids in ``exclude`` are suggested, nor what lies
    only in boxes that are switched off. Raises InvalidInput, UnknownItem.
    """
    limit = check_count(limit, "limit", "suggest")
    labelled = np.asarray(labelled, np.uint64)
    pool = _pool(engine, rule, np.concatenate([labelled, np.asarray(exclude, np.uint64)]), limit)
    codes = engine.codes_of(pool)
    stays = ~rule.turned_away(codes)
    pool, codes = pool[stays], codes[stays]
    scorer = _scorer(rule.model)
    margins = (scorer.decision_function(codes) - scorer.threshold_).astype(np.float32)
    accepted = rule.predict(codes).astype(bool)
    decode = engine.quantiser.decode
    chosen, reasons = choose(
        decode(codes), margins, accepted, decode(engine.codes_of(labelled)), first_box(rule, codes), limit
    )
    return Suggestions(pool[chosen], margins[chosen], accepted[chosen], reasons)


def choose(
    vectors: Vectors,
    margins: NDArray[np.float32],
    accepted: NDArray[np.bool_],
    labelled: Vectors,
    groups: NDArray[np.int64],
    limit: int,
) -> tuple[NDArray[np.int64], tuple[Reason, ...]]:
    """Which of n unlabelled images to label: places (k,) int64, k <= limit, and the purpose of each.

    vectors (n, 32); margins (n,), log odds over the cut; accepted (n,); labelled (m, 32), m >= 1; groups (n,), >= 0,
    number of the box that stands for an image. Ties go to the earlier image.
    """
    space = _Space(vectors, labelled)
    candidates = _candidates(margins, accepted, limit)
    taken_of = np.zeros(int(groups.max(initial=0)) + 1)
    chosen: list[int] = []
    reasons: list[Reason] = []
    free = np.ones(len(vectors), bool)
    for turn in range(min(limit, len(vectors))):
        reason = _TURNS[turn % len(_TURNS)]
        best = _farthest(space.nearest / (1 + taken_of[groups]), free & candidates[reason])
        if best is None:  # nothing new for this purpose: the boundary, then whatever is left
            reason = "unsure"
            best = _farthest(space.nearest, free & candidates[reason])
        if best is None:
            best = int(np.argmax(np.where(free, space.nearest, -1)))
        free[best] = False
        taken_of[groups[best]] += 1
        space.add(vectors[best])
        chosen.append(best)
        reasons.append(reason)
    return np.array(chosen, np.int64), tuple(reasons)


def _farthest(distances: NDArray[np.float64], among: NDArray[np.bool_]) -> int | None:
    """Place of the largest of the distances that are over 0, the first on ties."""
    best = int(np.argmax(np.where(among, distances, -1)))
    return best if among[best] and distances[best] > 0 else None


def _candidates(
    margins: NDArray[np.float32], accepted: NDArray[np.bool_], limit: int
) -> dict[Reason, NDArray[np.bool_]]:
    """Which images may serve each purpose: bools (n,)."""
    unsure, likely = np.zeros(len(margins), bool), np.zeros(len(margins), bool)
    unsure[np.argsort(np.abs(margins), kind="stable")[: _CHOICE * limit]] = True
    inside = np.flatnonzero(accepted)
    best = inside[np.argsort(-margins[inside], kind="stable")]
    likely[best[: max(limit, len(best) // 2)]] = True
    return {"unsure": unsure, "likely": likely, "unlike": unsure | accepted}


class _Space:
    """Distance of every vector (n, 32) to the nearest one that is labelled or suggested already."""

    def __init__(self, vectors: Vectors, known: Vectors) -> None:
        self._vectors = vectors
        self.nearest = np.full(len(vectors), np.inf, np.float64)
        for vector in known:
            self.add(vector)

    def add(self, vector: NDArray[np.float32]) -> None:
        difference = self._vectors - vector
        self.nearest = np.minimum(self.nearest, np.sqrt((difference * difference).sum(axis=1, dtype=np.float64)))


def _pool(engine: SearchEngine, rule: Rule, without: Ids, limit: int) -> Ids:
    """Images to choose from, ids ascending: the best of the answer, its last, and the nearest outside of it."""
    found = rule.search(engine)
    near = found
    for below in _BELOW:
        easier = copy.copy(_scorer(rule.model))
        easier.threshold_ = np.float32(easier.threshold_ - below)
        near = engine.search(easier)
        near = near.keep(np.isin(near.ids, without, invert=True))
        if near.total >= _CHOICE * limit:
            break
    outside = near.ids[np.isin(near.ids, found.ids, invert=True)][:_POOL]
    inside = found.ids[np.isin(found.ids, without, invert=True)]
    return np.unique(np.concatenate([inside[:_POOL], inside[-_POOL:], outside]))


def _scorer(model: Any) -> Any:
    """What scores images by the odds that they are right: the model itself, or what orders a branch's answer."""
    return getattr(model, "ranker_", model)


def first_box(rule: Rule, codes: Codes) -> NDArray[np.int64]:
    """Number of the first box that is on and holds each row, from 1; 0 where there is none."""
    held = members(rule.kept[:_BOXES], codes)
    first: NDArray[np.int64] = (
        np.where(held.any(axis=0), held.argmax(axis=0) + 1, 0) if len(held) else np.zeros(len(codes), np.int64)
    )
    return first
