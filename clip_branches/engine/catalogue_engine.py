"""The engine over a whole catalogue: every segment, without the deleted items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.answers import AnswerSet, Ids
from clip_branches.engine.box import Box, check_boxes
from clip_branches.engine.checks import Codes, check_count
from clip_branches.engine.index import BoxIndex
from clip_branches.engine.population import Located, Population, thinned
from clip_branches.engine.reading import Reading
from clip_branches.engine.workers import Workers
from clip_branches.errors import DamagedFile, InvalidInput
from clip_branches.mapped import let_go_of_large

if TYPE_CHECKING:
    from clip_branches.engine.explain import Rule
    from clip_branches.engine.survey import Found


@dataclass(frozen=True)
class Part:
    """One segment: its index, the ids of its rows, and which of them are live, bools, or None where all are."""

    index: BoxIndex
    ids: Ids
    live: NDArray[np.bool_] | None

    def ids_of(self, positions: NDArray[np.int64]) -> Ids:
        """Ids at positions in index order."""
        stored = self.index.stored
        ids = np.asarray(self.ids)[positions if stored is None else stored[positions]]
        let_go_of_large(self.ids)
        return ids

    def live_stored(self) -> NDArray[np.uint8]:
        """1 for each live row, in index order; empty where all are."""
        if self.live is None:
            return np.zeros(0, np.uint8)
        stored = self.index.stored
        return (self.live if stored is None else self.live[stored]).view(np.uint8)


class CatalogueEngine:
    """Answers about one generation of a catalogue: ids, scores and votes across its segments.

    Holds no state of a request; any number of threads may ask at once.
    """

    def __init__(self, catalogue: Located, indexes: Sequence[BoxIndex], quantiser: Any) -> None:
        self.catalogue = catalogue
        self.quantiser = quantiser
        self._indexes = tuple(indexes)
        self._population = Population(catalogue)
        self._live = self._population.live

    @classmethod
    def open(cls, catalogue: Located, quantiser: Any, *, verify: bool = True, workers: Workers | None = None) -> Self:
        """Map the index of every segment. Raises DamagedFile when one is damaged or of another segment.

        workers: the threads that share the work of a query; None: no others than the caller's.
        """
        indexes = []
        for segment in catalogue.segments:
            index = BoxIndex.open(segment.index_path, verify=verify, workers=workers)
            if index.n_rows != segment.rows:
                raise DamagedFile(
                    f"{segment.index_path} must hold the {segment.rows} rows of its segment. "
                    f"Got {index.n_rows} instead; rebuild it."
                )
            indexes.append(index)
        return cls(catalogue, indexes, quantiser)

    @property
    def workers(self) -> Workers | None:
        """The threads that share the work of a query."""
        return self._indexes[0].blocks.workers if self._indexes else None

    def parts(self) -> list[Part]:
        """Every segment."""
        segments = zip(self._indexes, self.catalogue.segments, self._live, strict=True)
        return [Part(index, segment.ids, live) for index, segment, live in segments]

    @property
    def size(self) -> int:
        """Live items."""
        return self._population.size

    def codes_of(self, ids: Any) -> Codes:
        """Codes of the items, uint8 (k, 32), in the order asked for. Raises UnknownItem."""
        segments, rows = (np.asarray(part, np.int64) for part in self.catalogue.locate(np.asarray(ids, np.uint64)))
        codes = np.empty((len(rows), 32), np.uint8)
        for number in np.unique(segments):
            here = segments == number
            codes[here] = self._indexes[number].codes(rows[here])
        return codes

    def sample(self, n: int, generator: np.random.Generator, exclude: Any = ()) -> Codes:
        """Codes of at most ``n`` live items drawn at random without replacement, none of them in ``exclude``."""
        drawn = self._population.draw(n, generator, exclude)
        codes = np.vstack([np.zeros((0, 32), np.uint8), *(self._indexes[number].codes(rows) for number, rows in drawn)])
        return thinned(codes, n, generator)

    def nearest_all(self, vector: Any, reading: Reading | None = None) -> AnswerSet:
        """The WHOLE catalogue ranked by dot product with ``vector`` (32,); ``reading`` is added what was read."""
        weights, bias = self._linear(vector)
        return self._gather([(slice(None), i.score_all(weights, bias), None) for i in self._noting(reading)])

    def nearest(self, vector: Any, k: int, reading: Reading | None = None) -> AnswerSet:
        """The ``k`` items of largest dot product with ``vector`` (32,), or all when there are fewer.

        ``reading`` is added what was read for it.
        """
        k = check_count(k, "k", "CatalogueEngine.nearest")
        weights, bias = self._linear(vector)
        parts = []
        deleted = np.asarray(self.catalogue.deleted, np.uint64)
        for index, segment in zip(self._noting(reading), self.catalogue.segments, strict=True):
            wanted = k
            while True:
                # Ties go by id, as in every answer, also where the k-th score is cut.
                found, scores = index.nearest(weights, wanted, bias, labels=np.asarray(segment.ids).view(np.int64))
                let_go_of_large(segment.ids)
                ids = found.view(np.uint64)
                live = np.isin(ids, deleted, invert=True)
                if len(ids) == index.n_rows or int(live.sum()) >= k:
                    break
                wanted *= 4  # too many of the nearest are deleted
            parts.append(AnswerSet(ids[live], scores[live]))
        if not parts:
            return AnswerSet(np.zeros(0, np.uint64), np.zeros(0, np.float32))
        joined = AnswerSet.ordered(np.concatenate([p.ids for p in parts]), np.concatenate([p.scores for p in parts]))
        return joined.page(0, k)

    def search(self, model: Any, reading: Reading | None = None) -> AnswerSet:
        """EVERY live item that the fitted model accepts, best first; ``reading`` is added what was read for it."""
        return self._gather([index.answer(model) for index in self._noting(reading)])

    def surveyed(self, rule: Rule, boxes: Sequence[Box], k: int, reading: Reading | None = None) -> list[Found]:
        """Of every segment, what ``survey`` tells of the answer of ``rule``; ``reading`` is added what was read."""
        from clip_branches.engine.survey import survey_parts  # scikit-learn, which not every search needs

        return survey_parts(self.parts(), rule, boxes, k, reading)

    def count(self, boxes: Sequence[Box]) -> NDArray[np.int64]:
        """Live items inside each box, exactly: int64 (boxes,)."""
        boxes = check_boxes(boxes, "CatalogueEngine.count")
        counts = np.zeros(len(boxes), np.int64)
        for index, live in zip(self._indexes, self._live, strict=True):
            counts += index.count(boxes)
            if live is not None:
                counts -= index.count_rows(boxes, np.flatnonzero(~live))
        return counts

    def count_within(self, boxes: Sequence[Box], answer: AnswerSet) -> NDArray[np.int64]:
        """How many items of the answer lie inside each box: int64 (boxes,)."""
        boxes = check_boxes(boxes, "CatalogueEngine.count_within")
        counts = np.zeros(len(boxes), np.int64)
        if boxes and answer.total:
            segments, rows = self.catalogue.locate(answer.ids)
            for number, index in enumerate(self._indexes):
                own = rows if len(self._indexes) == 1 else rows[segments == number]
                counts += index.count_rows(boxes, own)
        return counts

    def coverage(self, boxes: Sequence[Box], answer: AnswerSet) -> tuple[int, NDArray[np.int64]]:
        """Images of the answer inside any of the boxes, and for each box those inside no other: int64 (boxes,)."""
        boxes = check_boxes(boxes, "CatalogueEngine.coverage")
        covered, alone = 0, np.zeros(len(boxes), np.int64)
        if not boxes or not answer.total:
            return covered, alone
        segments, rows = self.catalogue.locate(answer.ids)
        for number, index in enumerate(self._indexes):
            own = np.sort(rows if len(self._indexes) == 1 else rows[segments == number])
            held, hits = index.query(boxes)
            if not len(held) or not len(own):
                continue
            places = np.minimum(np.searchsorted(held, own), len(held) - 1)
            inside = held[places] == own
            covered += int(inside.sum())
            alone += index.count_rows(boxes, own[inside & (hits[places] == 1)])
        return covered, alone

    def problems(self) -> list[str]:
        """None: what it needs is in this process."""
        return []

    def retire(self) -> None:
        """Nothing: memory goes with the last request that holds this generation."""

    def _linear(self, vector: Any) -> tuple[NDArray[np.float32], float]:
        """Weights and bias on codes for the dot product with a vector: x = low + step * code."""
        vector = np.asarray(vector, np.float32)
        if vector.shape != (32,) or not np.isfinite(vector).all():
            raise InvalidInput(f"The 'vector' of a query must be 32 finite numbers. Got shape {vector.shape} instead.")
        low, step = np.asarray(self.quantiser.low_, np.float32), np.asarray(self.quantiser.step_, np.float32)
        return vector * step, float(vector.astype(np.float64) @ low.astype(np.float64))

    def _noting(self, reading: Reading | None) -> Sequence[BoxIndex]:
        return self._indexes if reading is None else [index.noting(reading) for index in self._indexes]

    def _gather(self, parts: Sequence[tuple[Any, Any, Any]]) -> AnswerSet:
        """One ordered answer from (rows, scores, votes) of every segment, without the deleted."""
        ids: list[Ids] = []
        scores, votes = [], []
        for segment, live, (rows, part, hits) in zip(self.catalogue.segments, self._live, parts, strict=True):
            if live is not None:
                keep = live[rows]
                rows = np.flatnonzero(live) if isinstance(rows, slice) else rows[keep]
                part, hits = part[keep], None if hits is None else hits[keep]
            ids.append(np.asarray(segment.ids)[rows])
            let_go_of_large(segment.ids)
            scores.append(part)
            if hits is not None:
                votes.append(hits.astype(np.int16))
        if not ids:
            return AnswerSet(np.zeros(0, np.uint64), np.zeros(0, np.float32))
        return AnswerSet.ordered(np.concatenate(ids), np.concatenate(scores), np.concatenate(votes) if votes else None)
