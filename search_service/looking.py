"""Ways to look at an answer, computed once and kept: its map, its order by likeness, its figures."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from clip_branches.engine import AnswerSet
from clip_branches.memory_budget import MemoryBudget
from clip_branches.schemas.looking import FiguresResponse, MapResponse

if TYPE_CHECKING:
    from search_service.filters import Filters
    from search_service.layout import Vectors
    from search_service.served import Served

T = TypeVar("T")
_MAPS, _ORDERS = 32, 8
_BYTES = 128 * 1024 * 1024  # of the orders, and of the maps
_POINT_BYTES = 160  # of a map: four numbers, each an object


class _Kept(Generic[T]):
    """The values last asked for; two who ask for the same at once wait for one computation."""

    def __init__(self, most: int, size_of: Callable[[T], int]) -> None:
        self._values: MemoryBudget[tuple[str, str], T] = MemoryBudget(_BYTES, most, size_of)
        self._at_work: dict[tuple[str, str], threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: tuple[str, str], compute: Callable[[], T]) -> T:
        with self._lock:
            alone = self._at_work.setdefault(key, threading.Lock())
        with alone:
            value = self._values.get(key)
            if value is not None:
                return value
            try:
                value = compute()
                self._values.put(key, value)
                return value
            finally:  # also of a computation that failed or was given up: else a lock would stay for ever
                with self._lock:
                    self._at_work.pop(key, None)


class Looking:
    """``key`` names the part of an answer that ``part`` is; it is the same part whenever the key is the same."""

    def __init__(self) -> None:
        self._maps: _Kept[MapResponse] = _Kept(_MAPS, lambda one: _POINT_BYTES * len(one.ids))
        self._orders: _Kept[AnswerSet] = _Kept(_ORDERS, _bytes_of)

    def map(self, served: Served, key: str, part: AnswerSet, *, result_set: str) -> MapResponse:
        """The part as points; a sample where there are more than a map shows."""
        return self._maps.get((served.fingerprint, key), lambda: _map(served, part, result_set))

    def alike(self, served: Served, key: str, part: AnswerSet) -> AnswerSet:
        """The part in an order in which neighbours look alike."""
        return self._orders.get((served.fingerprint, key), lambda: _alike(served, part))

    def figures(
        self, served: Served, filters: Filters, base: AnswerSet, key: str, part: AnswerSet, *, result_set: str
    ) -> FiguresResponse:
        """The part in figures, beside the catalogue; ``base`` is the answer that it is of, named by ``key``."""
        from search_service.figures import columns_beside, score_bins

        columns, rows = filters.open(served, key, base)
        if part is not base:
            rows = columns.rows_of(part.ids)
        return FiguresResponse(
            result_set=result_set,
            total=part.total,
            of=served.catalogue.size,
            scores=score_bins(part),
            columns=columns_beside(columns, rows, columns.everything()),
        )


def _bytes_of(found: AnswerSet) -> int:
    return int(found.ids.nbytes + found.scores.nbytes + (0 if found.votes is None else found.votes.nbytes))


def _map(served: Served, part: AnswerSet, result_set: str) -> MapResponse:
    from search_service.layout import GRID, lay_out, sample_of

    ids = part.ids[sample_of(part.total)]
    layout = lay_out(_vectors(served, ids))
    return MapResponse(
        result_set=result_set,
        total=part.total,
        grid=GRID,
        ids=ids.tolist(),
        x=layout.points[:, 0].tolist(),
        y=layout.points[:, 1].tolist(),
        group=layout.groups.tolist(),
        groups=int(layout.groups.max()) + 1 if len(ids) else 0,
    )


def _alike(served: Served, part: AnswerSet) -> AnswerSet:
    from search_service.similar import MAX_ORDERED, alike_order

    first = alike_order(_vectors(served, part.ids[:MAX_ORDERED]))
    order = np.concatenate([first, np.arange(len(first), part.total)])
    return AnswerSet(part.ids[order], part.scores[order], None if part.votes is None else part.votes[order])


def _vectors(served: Served, ids: np.ndarray[tuple[int], np.dtype[np.uint64]]) -> Vectors:
    """What the catalogue knows of how images look: their codes as unit vectors, float32 (n, 32)."""
    vectors = served.quantiser.decode(served.engine.codes_of(ids))
    length: Vectors = np.linalg.norm(vectors, axis=1, keepdims=True).astype(np.float32)
    return np.asarray(vectors / np.maximum(length, 1e-12), np.float32)
