"""The rule behind an answer: the model, its boxes, which of them are switched off, and why one image is in or out.

Boxes decide where the model is made of them: a branch accepts what lies inside any of its boxes, an ensemble what
enough of its branches hold; with boxes switched off the answer is exactly that of the boxes that are left. Any other
model decides by its score, and the boxes only describe its answer; switching one off says "not those": accepted rows
inside it and inside no box that is still on leave the answer, rows inside no box at all stay.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.answers import AnswerSet
from clip_branches.engine.box import Box, members
from clip_branches.engine.branch import DecisionBranch, squashed
from clip_branches.engine.checks import Codes, check_codes
from clip_branches.engine.ensemble import BranchEnsemble
from clip_branches.engine.reading import Reading
from clip_branches.engine.search_engine import SearchEngine
from clip_branches.engine.sql import answer_sql
from clip_branches.errors import InvalidInput

_PIECE = 1 << 16  # rows of an answer looked at together
_NAMED_IN_ERRORS = 5


@dataclass(frozen=True)
class Holder:
    """A box that holds an image: whether it is on, and the branches (numbers from 0) that it belongs to."""

    box: Box
    on: bool
    branches: tuple[int, ...]


@dataclass(frozen=True)
class Why:
    """Why an image is in an answer or out of it.

    score: beside ``cut``, the lowest score accepted, where a score decides. votes: branches that hold the image, of
    ``branches``, of which ``need`` are enough; all three None where a score decides. holders: the boxes around it.
    """

    accepted: bool
    score: float
    cut: float | None
    votes: int | None
    need: int | None
    branches: int | None
    holders: tuple[Holder, ...]


@dataclass(frozen=True)
class BoxFacts:
    """Of each box, int64 (boxes,): ``accepted`` images of the answer inside; ``alone``, those that would leave the
    answer if this one box were switched off. ``covered``: images of the answer inside any of the boxes that are on."""

    accepted: NDArray[np.int64]
    alone: NDArray[np.int64]
    covered: int


class Rule:
    """A fitted model together with the boxes that decide or describe its answer, some of them switched off.

    Attributes: ``boxes`` every distinct box, the most telling first; ``off`` those switched off, ``kept`` the others;
    ``decide`` whether the boxes decide; ``groups`` the kept boxes, one list a branch (one list where a score decides);
    ``need`` branches that must hold an image; ``model`` the fitted model without the boxes that are off, at the cut
    asked for; ``own_cut`` the model's own cut, None where boxes decide.
    """

    def __init__(
        self, model: Any, described: Sequence[Box], off: Collection[str] = (), cut: float | None = None
    ) -> None:
        """``described``: from ``explanation_boxes``; ``off``: ids of boxes; ``cut``: instead of the model's own.

        Raises InvalidInput for an unknown id, and for a cut where boxes decide.
        """
        self.decide = isinstance(model, DecisionBranch | BranchEnsemble)
        groups = _groups(model, described)
        by_id = {box.id: box for box in [*described, *(box for group in groups for box in group)]}
        self._branches: dict[str, tuple[int, ...]] = dict.fromkeys(by_id, ())
        for g, group in enumerate(groups if self.decide else ()):
            for box in group:
                self._branches[box.id] += (g,)
        _check_known(off, by_id)
        self.boxes: tuple[Box, ...] = tuple(by_id.values())
        self._off_ids = frozenset(off)
        self.off = tuple(box for name, box in by_id.items() if name in self._off_ids)
        self.kept = tuple(box for name, box in by_id.items() if name not in self._off_ids)
        self.groups = [[box for box in group if box.id not in self._off_ids] for group in groups]
        self.need: int = model.need_ if isinstance(model, BranchEnsemble) else 1
        self.model = self._without(model) if self.decide and self.off else model
        self.own_cut = None if self.decide else float(model.threshold_)
        if cut is not None:
            self.model = self._cut_at(cut)

    def is_on(self, box: Box) -> bool:
        return box.id not in self._off_ids

    def branches_of(self, box: Box) -> tuple[int, ...]:
        """Numbers of the branches that the box belongs to, from 0; none where a score decides."""
        return self._branches[box.id]

    def search(self, engine: SearchEngine, reading: Reading | None = None) -> AnswerSet:
        """EVERY live image that the rule accepts, best first; ``reading`` is added what was read for it."""
        found = engine.search(self.model, reading)
        if self.decide or not self.off or not found.total:
            return found
        stays = [~self.turned_away(codes) for _, codes in _pieces(engine, found)]
        return found.keep(np.concatenate(stays))

    def predict(self, codes: Any) -> NDArray[np.int64]:
        """1 where the rule accepts a row of ``codes`` (n, 32), else 0: int64 (n,)."""
        codes = check_codes(codes, "Rule.predict", empty=True)
        accepted: NDArray[np.int64] = self.model.predict(codes)
        return accepted if self.decide else accepted * ~self.turned_away(codes)

    def sql(self) -> str | None:
        """WHERE condition over columns f0 to f31 that selects exactly the answer; None where SQL cannot say it."""
        return answer_sql(self.model, self.off, self.kept)

    def explain(self, code: Any) -> Why:
        """Why the image with these codes, uint8 (32,), is in the answer or out of it."""
        codes = check_codes(np.atleast_2d(code), "Rule.explain")[:1]
        held = members(self.boxes, codes)[:, 0]
        holders = tuple(
            Holder(box, self.is_on(box), self.branches_of(box))
            for box, inside in zip(self.boxes, held, strict=True)
            if inside
        )
        accepted = bool(self.predict(codes)[0])
        if not self.decide:
            score, cut = float(self.model.decision_function(codes)[0]), float(self.model.threshold_)
            return Why(accepted, score, cut, None, None, None, holders)
        votes = len({branch for holder in holders if holder.on for branch in holder.branches})
        ranker = self.model.ranker_
        margin = ranker.decision_function(codes) - ranker.threshold_
        return Why(accepted, float(squashed(margin)[0]), None, votes, self.need, len(self.groups), holders)

    def facts(self, engine: SearchEngine, boxes: Sequence[Box], found: AnswerSet) -> BoxFacts:
        """What each of ``boxes`` (of this rule) holds of the answer ``found``, exactly."""
        alone = np.zeros(len(boxes), np.int64)
        accepted = engine.count_within(boxes, found)
        on = [i for i, box in enumerate(boxes) if self.is_on(box)]
        covered, single = engine.coverage([boxes[i] for i in on], found)
        if len(self.groups) > 1:
            alone = self._alone(engine, boxes, found)
        elif len(on) == len(self.kept):  # one vote is enough, or a score decides: a row inside one box leaves with it
            alone[on] = single
        else:
            by_id = dict(zip(self.kept, engine.coverage(self.kept, found)[1].tolist(), strict=True))
            alone[on] = [by_id[boxes[i]] for i in on]
        return BoxFacts(accepted, alone, covered)

    def _alone(self, engine: SearchEngine, boxes: Sequence[Box], found: AnswerSet) -> NDArray[np.int64]:
        """How many images would lose too many votes without each box."""
        names = {box.id: i for i, box in enumerate(boxes) if self.is_on(box)}
        most = max((len(self.branches_of(box)) for box in boxes), default=1)
        # The others have votes to spare.
        near = found if found.votes is None else found.keep(found.votes < self.need + most)
        leaves = np.zeros(len(boxes), np.int64)
        for start, codes in _pieces(engine, near):
            lost = np.zeros((len(boxes), len(codes)), np.int16)
            for group in self.groups:
                held = members(group, codes)
                only = held & (held.sum(axis=0) == 1)
                for i, box in enumerate(group):
                    if box.id in names:
                        lost[names[box.id]] += only[i]
            votes = self.need if near.votes is None else near.votes[start : start + len(codes)]
            leaves += (lost > votes - self.need).sum(axis=1)
        return leaves

    def turned_away(self, codes: Codes) -> NDArray[np.bool_]:
        """Rows of ``codes`` (n, 32) inside a box that is off and inside none that is on: bools (n,)."""
        gone = members(self.off, codes).any(axis=0)
        stays = members(self.kept, codes).any(axis=0)
        return np.logical_and(gone, ~stays)

    def _cut_at(self, cut: float) -> Any:
        if self.decide:
            raise InvalidInput(
                "The 'cut' must be left out where boxes decide: they have none. Switch boxes off instead.",
                field="cut",
            )
        moved = copy.copy(self.model)
        moved.threshold_ = np.float32(cut)
        return moved

    def _without(self, model: Any) -> Any:
        fewer = copy.copy(model)
        fewer.boxes_ = self.groups if isinstance(model, BranchEnsemble) else self.groups[0]
        return fewer


def _groups(model: Any, described: Sequence[Box]) -> list[list[Box]]:
    groups: Sequence[Sequence[Box]] = [described]
    if isinstance(model, DecisionBranch | BranchEnsemble):
        groups = model.boxes_ if isinstance(model, BranchEnsemble) else [model.boxes_]
    return [list({box.id: box for box in group}.values()) for group in groups]


def _check_known(off: Collection[str], by_id: dict[str, Box]) -> None:
    unknown = [name for name in off if name not in by_id]
    if not unknown:
        return
    named = ", ".join(unknown[:_NAMED_IN_ERRORS])
    more = f" and {len(unknown) - _NAMED_IN_ERRORS} more" if len(unknown) > _NAMED_IN_ERRORS else ""
    raise InvalidInput(
        f"The 'boxes_off' must be ids of boxes that this model has; it has {len(by_id)}. Got {named}{more} instead. "
        "Other labels make other boxes: leave out those of an earlier round.",
        field="boxes_off",
    )


def _pieces(engine: SearchEngine, found: AnswerSet) -> Iterator[tuple[int, Codes]]:
    """(first place, codes) of the answer's images, a piece at a time."""
    for start in range(0, found.total, _PIECE):
        yield start, engine.codes_of(found.ids[start : start + _PIECE])
