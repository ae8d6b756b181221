"""The engine over a cluster: fans a request out to the shards, and puts their answers together exactly."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from clip_branches.cluster.actor import Asked
from clip_branches.cluster.asking import ask_shards
from clip_branches.cluster.connection import connect
from clip_branches.cluster.fleet import Fleet, nodes_of
from clip_branches.cluster.plan import Plan
from clip_branches.cluster.replicas import ReplicaSet
from clip_branches.cluster.shard import ShardSpec
from clip_branches.cluster.terms import Terms
from clip_branches.engine import AnswerSet, Box, Workers
from clip_branches.engine.checks import Codes, Rows
from clip_branches.engine.population import Population, thinned
from clip_branches.engine.reading import Reading
from clip_branches.errors import ServiceUnavailable

if TYPE_CHECKING:
    from clip_branches.catalogue import Catalogue
    from clip_branches.engine import Rule
    from clip_branches.engine.survey import Found


class RayEngine:
    """Answers about one generation of a catalogue whose segments are on shards: a ``SearchEngine``, see there.

    Ids, their rows and random draws are this process's; codes and scores are the shards'. When nobody holds the
    engine any more its actors end; those of a retired engine end sooner, and start again if it is asked again.
    """

    def __init__(self, catalogue: Catalogue, quantiser: Any, terms: Terms, workers: Workers) -> None:
        """Starts the shards and waits for them; see ``Fleet.wait`` for what is raised."""
        self.quantiser = quantiser
        self.workers = workers
        self._catalogue = catalogue
        self._terms = terms
        self._population = Population(catalogue)
        with connect(terms.address).using() as ray:
            shards = terms.shards or max(1, nodes_of(ray))
        self._plan = Plan.of([segment.rows for segment in catalogue.segments], shards)
        self._retired = False
        self._starting = threading.Lock()
        self._fleet = self._started()

    @classmethod
    def open(cls, catalogue: Catalogue, quantiser: Any, terms: Terms, workers: Workers) -> Self:
        """As ``CatalogueEngine.open``."""
        return cls(catalogue, quantiser, terms, workers)

    @property
    def size(self) -> int:
        return self._population.size

    @property
    def shards(self) -> Sequence[ReplicaSet]:
        """The replicas of each shard."""
        return self._fleet.shards

    def problems(self) -> list[str]:
        fleet = self._fleet
        return [] if fleet.ended else fleet.problems()

    def retire(self) -> None:
        self._retired = True
        self._fleet.retire()

    def codes_of(self, ids: Any) -> Codes:
        segments, rows = (np.asarray(part, np.int64) for part in self._catalogue.locate(np.asarray(ids, np.uint64)))
        return self._codes(segments, rows)

    def sample(self, n: int, generator: np.random.Generator, exclude: Any = ()) -> Codes:
        drawn = self._population.draw(n, generator, exclude)
        segments = [np.full(len(rows), number, np.int64) for number, rows in drawn]
        none = np.zeros(0, np.int64)
        codes = self._codes(np.concatenate([none, *segments]), np.concatenate([none, *(rows for _, rows in drawn)]))
        return thinned(codes, n, generator)

    def nearest_all(self, vector: Any, reading: Reading | None = None) -> AnswerSet:
        return _joined(self._ask_all("nearest_all", vector, reading=reading))

    def nearest(self, vector: Any, k: int, reading: Reading | None = None) -> AnswerSet:
        return _joined(self._ask_all("nearest", vector, k, reading=reading)).page(0, k)

    def search(self, model: Any, reading: Reading | None = None) -> AnswerSet:
        return _joined(self._ask_all("search", model, reading=reading))

    def surveyed(self, rule: Rule, boxes: Sequence[Box], k: int, reading: Reading | None = None) -> list[Found]:
        return [found for part in self._ask_all("surveyed", rule, boxes, k, reading=reading) for found in part]

    def count(self, boxes: Sequence[Box]) -> NDArray[np.int64]:
        return sum(self._ask_all("count", boxes), np.zeros(len(boxes), np.int64))

    def count_within(self, boxes: Sequence[Box], answer: AnswerSet) -> NDArray[np.int64]:
        return sum(self._ask_of("count_within", boxes, answer), np.zeros(len(boxes), np.int64))

    def coverage(self, boxes: Sequence[Box], answer: AnswerSet) -> tuple[int, NDArray[np.int64]]:
        parts = self._ask_of("coverage", boxes, answer)
        return sum(part[0] for part in parts), sum((part[1] for part in parts), np.zeros(len(boxes), np.int64))

    def _codes(self, segments: Rows, rows: Rows) -> Codes:
        """Codes of rows of segments, in their order."""
        shards, places = self._plan.places(segments, rows)
        codes = np.empty((len(rows), 32), np.uint8)
        here = {int(shard): np.flatnonzero(shards == shard) for shard in np.unique(shards)}
        for shard, answer in self._ask("codes", {shard: (places[own],) for shard, own in here.items()}).items():
            codes[here[shard]] = answer
        return codes

    def _ask_of(self, name: Asked, boxes: Sequence[Box], answer: AnswerSet) -> list[Any]:
        """Of each shard that has images of the answer, what it says of them."""
        if not boxes or not answer.total:
            return []
        shards, places = self._plan.places(*self._catalogue.locate(answer.ids))
        asked = {int(shard): (boxes, places[shards == shard]) for shard in np.unique(shards)}
        return list(self._ask(name, asked).values())

    def _ask_all(self, name: Asked, *arguments: Any, reading: Reading | None = None) -> list[Any]:
        """What every shard says, in their order."""
        shards = range(len(self._plan.held))
        answers = self._ask(name, dict.fromkeys(shards, arguments), reading)
        return [answers[shard] for shard in shards]

    def _ask(
        self, name: Asked, arguments: dict[int, tuple[Any, ...]], reading: Reading | None = None
    ) -> dict[int, Any]:
        fleet = self._taken()
        try:
            with fleet.connection.using():
                told = ask_shards(fleet.shards, name, arguments, self._terms.timeout_s)
        finally:
            fleet.give()
        if reading is not None:
            for _, read in told.values():
                reading.add(*read)
        return {shard: answer for shard, (answer, _) in told.items()}

    def _taken(self) -> Fleet:
        """The actors, started again where they have ended meanwhile."""
        while not (fleet := self._fleet).take():
            if not self._starting.acquire(timeout=self._terms.timeout_s):
                raise ServiceUnavailable("The shards of this generation are being started. Try again in a moment.")
            try:
                if self._fleet.ended:
                    self._fleet = self._started()
            finally:
                self._starting.release()
        return fleet

    def _started(self) -> Fleet:
        catalogue, held = self._catalogue, self._plan.held
        fleet = Fleet(
            [
                ShardSpec(
                    catalogue=catalogue.name,
                    folder=catalogue.path.resolve(),
                    number=number,
                    of=len(held),
                    segments=tuple(catalogue.segments[segment].entry for segment in segments),
                    deleted=catalogue.manifest.deleted,
                    quantiser=self.quantiser,
                    local_dir=self._terms.local_dir,
                    threads=self._terms.threads,
                )
                for number, segments in enumerate(held)
            ],
            self._terms,
        )
        weakref.finalize(self, fleet.end).atexit = False
        fleet.wait()
        if self._retired:
            fleet.retire()
        return fleet


def _joined(parts: Sequence[AnswerSet]) -> AnswerSet:
    """One answer of the shards' own, in the order of the whole catalogue."""
    votes = [part.votes for part in parts if part.votes is not None]
    return AnswerSet.ordered(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate(votes) if votes else None,
    )
