"""An answer without its list: how many images it has, the first of them, and what boxes hold of it.

A round of labels needs no more to be shown, and this costs one pass over the codes however large the answer is. The
complete answer is ``Rule.search``; what is said here of it is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.answers import AnswerSet, Ids
from clip_branches.engine.box import Box, PackedBoxes, check_boxes, pack
from clip_branches.engine.branch import squashed
from clip_branches.engine.checks import Floats, Rows, check_count
from clip_branches.engine.kernels import alone as alone_kernel
from clip_branches.engine.kernels import screen
from clip_branches.engine.kernels import survey as kernel
from clip_branches.engine.reading import Reading

if TYPE_CHECKING:
    from clip_branches.engine.blocks import Blocks
    from clip_branches.engine.catalogue_engine import Part
    from clip_branches.engine.explain import Rule
    from clip_branches.engine.search_engine import SearchEngine

_MOST_BOXES = 255
_NO_ROWS = np.zeros(0, np.int64)
_ALL_LIVE = np.zeros(0, np.uint8)
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Survey:
    """``total`` images are accepted; ``head`` are the first of them, as many as asked for or fewer (ties go together).

    Of each box, int64 (boxes,): live images ``inside``, ``accepted`` ones, and those of the answer that would leave it
    were this box ``alone`` switched off. ``covered``: images of the answer inside any box that is on.
    """

    total: int
    head: AnswerSet
    inside: Counts
    accepted: Counts
    alone: Counts
    covered: int


@dataclass(frozen=True)
class Found:
    """The same of one segment: ``ids`` and raw ``scores`` of the best, in no order and perhaps more than asked for."""

    total: int
    covered: int
    ids: Ids
    scores: Floats
    tally: NDArray[np.int64]
    votes: NDArray[np.int16] | None


@dataclass(frozen=True)
class _Surveyed:
    """The same of some blocks; the best are positions in index order."""

    total: int
    covered: int
    best: Rows
    scores: Floats
    tally: NDArray[np.int64]
    votes: NDArray[np.int16] | None = None


@dataclass(frozen=True)
class _Asked:
    weights: Floats
    bias: np.float32
    packed: PackedBoxes
    on: NDArray[np.uint8]
    k: int


def survey(engine: SearchEngine, rule: Rule, boxes: Sequence[Box], k: int, reading: Reading | None = None) -> Survey:
    """What the answer of ``rule`` is, and what ``boxes`` of the rule hold of it; ``reading`` is added what was read.

    boxes: where one vote is enough or a score decides, every box of the rule that is on must be among them; none where
    nothing is asked of boxes and none is off. ``k``: how many images to name at the most.
    """
    boxes, k = check_boxes(boxes, "survey"), check_count(k, "k", "survey")
    if len(boxes) > _MOST_BOXES or any(box.empty for box in boxes):
        return _listed(engine, rule, boxes, reading)
    found = engine.surveyed(rule, boxes, k, reading)
    total = sum(one.total for one in found)
    tally = sum((one.tally for one in found), np.zeros((3, len(boxes)), np.int64))
    covered = sum(one.covered for one in found)
    return Survey(total, _head(rule, found, total, k), tally[0], tally[1], tally[2], covered)


def survey_parts(
    parts: Sequence[Part], rule: Rule, boxes: Sequence[Box], k: int, reading: Reading | None
) -> list[Found]:
    """What ``survey`` puts together, of each segment. Trusts its input: at most 255 boxes, none of them empty."""
    scorer = rule.model.ranker_ if rule.decide else rule.model
    on = np.array([rule.is_on(box) for box in boxes], np.uint8)
    asked = _Asked(scorer.weights_, np.float32(scorer.bias_), pack(boxes), on, k)
    return [_of_part(part, rule, boxes, asked, reading) for part in parts]


def _of_part(part: Part, rule: Rule, boxes: Sequence[Box], asked: _Asked, reading: Reading | None) -> Found:
    if rule.decide:
        one = _by_boxes(part, rule, boxes, asked, reading)
    else:
        one = _by_score(part, rule.model.threshold_, asked, reading)
    best, scores, votes = one.best, one.scores, one.votes
    if len(best) > asked.k:  # each range of blocks gave as many: ids are looked up of those alone that may be first
        kept = scores >= np.partition(scores, len(scores) - asked.k)[len(scores) - asked.k]
        best, scores, votes = best[kept], scores[kept], None if votes is None else votes[kept]
    return Found(one.total, one.covered, part.ids_of(best), scores, one.tally, votes)


def _listed(engine: SearchEngine, rule: Rule, boxes: list[Box], reading: Reading | None) -> Survey:
    """By way of the whole answer."""
    found = rule.search(engine, reading)
    facts = rule.facts(engine, boxes, found)
    return Survey(found.total, found, engine.count(boxes), facts.accepted, facts.alone, facts.covered)


def _head(rule: Rule, found: Sequence[Found], total: int, k: int) -> AnswerSet:
    """The best of all segments, ordered as the answer is; those that tie with what is left out are left out."""
    ids = np.concatenate([np.zeros(0, np.uint64), *(one.ids for one in found)])
    raw = np.concatenate([np.zeros(0, np.float32), *(one.scores for one in found)])
    votes = [one.votes for one in found if one.votes is not None]
    scores = squashed(raw - rule.model.ranker_.threshold_) if rule.decide else raw
    best = AnswerSet.ordered(ids, scores, np.concatenate(votes) if votes else None)
    if total <= k:
        return best
    # Rows that were not kept may score as much as the last that was, in the order of the answer.
    best = best.page(0, k)
    return best.page(0, int(np.count_nonzero(best.scores > best.scores[-1])))


def _by_score(part: Part, threshold: np.float32, asked: _Asked, reading: Reading | None) -> _Surveyed:
    blocks = part.index.blocks
    highest, lowest = blocks.bounds(asked.weights, asked.bias), blocks.lower_bounds(asked.weights, asked.bias)
    live = part.live_stored()
    least = np.float32(-np.inf)
    if not len(live) and asked.on.all():
        # The most promising blocks first: a score that k rows reach rules out most others for the head.
        first = blocks.promising(highest, asked.k)
        kept = screen.best(
            blocks.parts.codes, blocks.words, blocks.parts.n_rows, blocks.parts.block_size, highest, first,
            asked.weights, asked.bias, _NO_ROWS, asked.k, least,
        )[1]  # fmt: skip
        least = kept.min() if len(kept) == asked.k else least
    found, looked = _surveyed(blocks, asked, highest, lowest, threshold, None, live, least)
    blocks.note(reading, looked)
    return found


def _by_boxes(part: Part, rule: Rule, boxes: Sequence[Box], asked: _Asked, reading: Reading | None) -> _Surveyed:
    blocks = part.index.blocks
    grouped = [(g, box) for g, group in enumerate(rule.groups) for box in group if not box.empty]
    packed, groups = pack([box for _, box in grouped]), np.array([g for g, _ in grouped], np.int64)
    rows, votes = _NO_ROWS, np.zeros(0, np.int32)
    if grouped:
        rows, votes = blocks.vote(packed, groups, len(rule.groups), rule.need, reading)
    live = part.live_stored()
    if len(live):
        rows, votes = rows[live[rows] != 0], votes[live[rows] != 0]
    highest = blocks.bounds(asked.weights, asked.bias)
    found, _ = _surveyed(blocks, asked, highest, highest, np.float32(-np.inf), rows, live, np.float32(-np.inf))
    if len(rule.groups) > 1 and boxes:
        found.tally[2] = _alone(blocks, rule, boxes, packed, groups, [box for _, box in grouped], rows, votes)
    own = votes[np.searchsorted(rows, found.best)].astype(np.int16)
    return _Surveyed(found.total, found.covered, found.best, found.scores, found.tally, own)


def _surveyed(
    blocks: Blocks,
    asked: _Asked,
    highest: Floats,
    lowest: Floats,
    threshold: np.float32,
    rows: Rows | None,
    live: NDArray[np.uint8],
    least: np.float32,
) -> tuple[_Surveyed, int]:
    parts, packed = blocks.parts, asked.packed
    n_boxes = len(packed.starts) - 1

    def surveyed(piece: tuple[int, int]) -> tuple[_Surveyed, int]:
        tally = np.zeros((3, n_boxes), np.int64)
        own = _NO_ROWS if rows is None else _between(rows, piece, parts.block_size)
        total, covered, best, scores, looked, _ = kernel.survey(
            parts.codes, blocks.words, parts.n_rows, parts.block_size, parts.zone_low, parts.zone_high,
            blocks.low, blocks.high, highest, lowest, *piece,
            asked.weights, asked.bias, rows is None, threshold, own, live, asked.k, least,
            packed.starts, packed.features, packed.lows, packed.highs, asked.on, tally,
        )  # fmt: skip
        return _Surveyed(total, covered, best, scores, tally), looked

    found = blocks.over_blocks(surveyed, n_boxes)
    joined = _Surveyed(
        sum(one.total for one, _ in found),
        sum(one.covered for one, _ in found),
        np.concatenate([one.best for one, _ in found]),
        np.concatenate([one.scores for one, _ in found]),
        sum((one.tally for one, _ in found), np.zeros((3, n_boxes), np.int64)),
    )
    return joined, sum(looked for _, looked in found)


def _alone(
    blocks: Blocks,
    rule: Rule,
    boxes: Sequence[Box],
    packed: PackedBoxes,
    groups: Rows,
    grouped: list[Box],
    rows: Rows,
    votes: NDArray[np.int32],
) -> Counts:
    """How many images would lose too many votes without each box that is on; 0 for the others."""
    parts = blocks.parts
    places: dict[str, list[int]] = {box.id: [] for box in boxes if rule.is_on(box)}
    for j, box in enumerate(grouped):
        if box.id in places:
            places[box.id].append(j)
    own = [places.get(box.id, []) for box in boxes]
    copies = np.array([j for each in own for j in each], np.int64)
    copy_starts = np.cumsum([0, *(len(each) for each in own)])
    near = votes < rule.need + max((len(each) for each in own), default=0)  # the others have votes to spare
    rows, spare = rows[near], votes[near] - np.int32(rule.need)

    def counted(piece: tuple[int, int]) -> Counts:
        first, last = np.searchsorted(rows, [block * parts.block_size for block in piece])
        alone = np.zeros(len(boxes), np.int64)
        alone_kernel.count_alone(
            parts.codes, parts.n_rows, parts.block_size, parts.zone_low, parts.zone_high, blocks.low, blocks.high,
            *piece, packed.starts, packed.features, packed.lows, packed.highs, groups, copies, copy_starts,
            rows[first:last], spare[first:last], alone,
        )  # fmt: skip
        return alone

    return sum(blocks.over_blocks(counted, len(grouped)), np.zeros(len(boxes), np.int64))


def _between(rows: Rows, piece: tuple[int, int], block_size: int) -> Rows:
    """Those of the ascending rows that lie in a range of blocks."""
    first, last = np.searchsorted(rows, [block * block_size for block in piece])
    return rows[first:last]
