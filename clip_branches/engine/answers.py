"""Answers: the complete, ordered set of what a query or a model accepts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.kernels.radix import settle_ties, sort_half
from clip_branches.engine.kernels.ranking import make_keys, split_keys
from clip_branches.errors import InvalidInput

Ids = NDArray[np.uint64]
_LOW_32 = np.uint64(0xFFFFFFFF)
_FEW = 2_048  # keys up to which comparing sorts them sooner than counting digits
_NO_NAMES = np.zeros(0, np.uint64)


@dataclass(frozen=True)
class AnswerSet:
    """Every image of an answer, best first: score descending, then id ascending.

    ids: uint64 (n,), distinct; scores: float32 (n,); votes: int16 (n,), the branches that accept an image, or None
    where the model has no branches.
    """

    ids: Ids
    scores: NDArray[np.float32]
    votes: NDArray[np.int16] | None = None

    @classmethod
    def ordered(cls, ids: Ids, scores: NDArray[np.float32], votes: NDArray[np.int16] | None = None) -> AnswerSet:
        """The answer of these images, put in order."""
        if _fits_keys(ids) and (votes is None or (len(votes) and (votes == votes[0]).all())):
            # Nothing but what the keys hold: they are sorted alone, and read back.
            keys = _sorted(_keys(scores, ids))
            ranked, bits = np.empty(len(keys), np.uint64), np.empty(len(keys), np.uint32)
            split_keys(keys, bits, ranked)
            return cls(ranked, bits.view(np.float32), votes)
        order = best_first(scores, ids)
        return cls(ids[order], scores[order], None if votes is None else votes[order])

    @property
    def total(self) -> int:
        return len(self.ids)

    def page(self, offset: int, limit: int) -> AnswerSet:
        """Hits ``offset`` to ``offset + limit - 1``; empty beyond the end. Raises InvalidInput for negative numbers."""
        if offset < 0 or limit < 0:
            raise InvalidInput(f"The 'offset' and 'limit' of a page must be >= 0. Got {offset} and {limit} instead.")
        part = slice(offset, offset + limit)
        return AnswerSet(self.ids[part], self.scores[part], None if self.votes is None else self.votes[part])

    def changes(self, since: AnswerSet) -> tuple[AnswerSet, AnswerSet]:
        """(came_in, went_out): what is here and was not in ``since``, and the reverse; each in its own order."""
        return self._without(since), since._without(self)

    def keep(self, which: NDArray[np.bool_]) -> AnswerSet:
        """The hits where ``which``, bools (n,), is true, in the same order."""
        return AnswerSet(self.ids[which], self.scores[which], None if self.votes is None else self.votes[which])

    def rank_of(self, item: int) -> int | None:
        """Place of an item in the answer, from 0, or None when it is not in it."""
        places = np.flatnonzero(self.ids == np.uint64(item))
        return int(places[0]) if len(places) else None

    def _without(self, other: AnswerSet) -> AnswerSet:
        return self.keep(np.isin(self.ids, other.ids, invert=True))


def best_first(scores: NDArray[np.float32], ids: NDArray[np.integer]) -> NDArray[np.int64]:
    """Order by score descending, then id ascending: positions, int64 (n,). Scores are finite."""
    if not len(ids):
        return np.zeros(0, np.int64)
    if not _fits_keys(ids):
        return np.lexsort((ids, -scores)).astype(np.int64)
    if len(ids) > _FEW:
        # Places below the scores, not the ids themselves: sorted, the places are the order.
        names = np.ascontiguousarray(ids, np.uint64)
        keys = _keys(scores, np.arange(len(ids), dtype=np.uint64))
        keys = sort_half(keys, np.empty_like(keys), 32)
        if settle_ties(keys, names):
            order: NDArray[np.int64] = (keys & _LOW_32).astype(np.int64)
            return order
    return np.argsort(_keys(scores, ids))


def _sorted(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The keys, ascending; may use their memory."""
    if len(keys) <= _FEW:
        keys.sort()
        return keys
    spare = np.empty_like(keys)
    ranked: NDArray[np.uint64] = sort_half(keys, spare, 32)
    if not settle_ties(ranked, _NO_NAMES):  # many scores alike: by id first, then by score
        other = keys if ranked is spare else spare
        by_id = sort_half(ranked, other, 0)
        ranked = sort_half(by_id, other if by_id is ranked else ranked, 32)
    return ranked


def _fits_keys(ids: NDArray[np.integer]) -> bool:
    return not len(ids) or (int(ids.max()) <= int(_LOW_32) and int(ids.min()) >= 0)


def _keys(scores: NDArray[np.float32], ids: NDArray[np.integer]) -> NDArray[np.uint64]:
    """One integer an image that ascends from the best on; see ``kernels.ranking``."""
    keys = np.empty(len(ids), np.uint64)
    make_keys(np.ascontiguousarray(scores, np.float32).view(np.uint32), ids, keys)
    return keys
