"""A shard: some segments of one generation, opened and searched by the same code as a whole catalogue."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from clip_branches.catalogue.manifest import NamedFile, SegmentEntry
from clip_branches.catalogue.reader import read_deleted
from clip_branches.catalogue.segment import IDS, INDEX, map_array
from clip_branches.catalogue.storage import check_file
from clip_branches.cluster.copies import copied, forget_others
from clip_branches.engine import AnswerSet, Box, CatalogueEngine, Workers
from clip_branches.engine.answers import Ids
from clip_branches.engine.checks import Codes, Rows
from clip_branches.engine.reading import Reading

if TYPE_CHECKING:
    from clip_branches.engine import Rule
    from clip_branches.engine.survey import Found


@dataclass(frozen=True)
class ShardSpec:
    """What a shard is made of: nothing but names, checksums and the quantiser; the rest is in the files.

    folder: the catalogue's, as every node sees it; number, from 0, of ``of`` shards; deleted: the file of the
    tombstones; local_dir: where the node keeps copies, None to map the catalogue's own files; threads: that share
    a query.
    """

    catalogue: str
    folder: Path
    number: int
    of: int
    segments: tuple[SegmentEntry, ...]
    deleted: NamedFile | None
    quantiser: Any
    local_dir: Path | None
    threads: int

    @property
    def name(self) -> str:
        return f"Shard {self.number + 1} of {self.of} of the catalogue {self.catalogue!r}"


@dataclass(frozen=True)
class _Segment:
    rows: int
    ids: Ids
    index_path: Path


class _Held:
    """Stands where the catalogue stands in a local engine. Items are named by their place among the shard's rows:
    the router has looked them up."""

    def __init__(self, segments: Sequence[_Segment], deleted: Ids) -> None:
        self.segments = tuple(segments)
        self.deleted = deleted
        self._starts = np.cumsum([0, *(segment.rows for segment in segments)])

    def locate(self, places: Any) -> tuple[Rows, Rows]:
        rows = np.asarray(places).astype(np.int64)
        segments = np.searchsorted(self._starts, rows, side="right") - 1
        return segments, rows - self._starts[segments]

    def contains(self, places: Any) -> NDArray[np.bool_]:
        return np.asarray(places) < np.uint64(self._starts[-1])


class Shard:
    """Answers about its segments: each method is that of ``SearchEngine``, with places of rows instead of ids.

    Any number of threads may ask at once; ``reading`` is added what was read.
    """

    def __init__(self, engine: CatalogueEngine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, spec: ShardSpec) -> Self:
        """Map the segments, every file checked against its checksum. Raises DamagedFile, StorageError."""
        target = None if spec.local_dir is None else spec.local_dir / spec.catalogue
        folders = []
        for entry in spec.segments:
            folder = spec.folder / "segments" / entry.id
            if target is not None:
                folder = copied(folder, entry, (INDEX, IDS), target)
            else:
                for name in (INDEX, IDS):
                    check_file(folder / name, size=entry.files[name].bytes, sha256=entry.files[name].sha256)
            folders.append(folder)
        if target is not None:
            forget_others(target, folders)
        segments = [
            _Segment(entry.rows, map_array(folder / IDS, np.dtype(np.uint64), rows=entry.rows, ndim=1), folder / INDEX)
            for entry, folder in zip(spec.segments, folders, strict=True)
        ]
        held = _Held(segments, read_deleted(spec.folder, spec.deleted, verify=True))
        # The checksums of the whole files have just been checked.
        return cls(CatalogueEngine.open(held, spec.quantiser, verify=False, workers=Workers(spec.threads)))

    def search(self, reading: Reading, model: Any) -> AnswerSet:
        return self._engine.search(_own(model), reading)

    def nearest(self, reading: Reading, vector: Any, k: int) -> AnswerSet:
        return self._engine.nearest(vector, k, reading)

    def nearest_all(self, reading: Reading, vector: Any) -> AnswerSet:
        return self._engine.nearest_all(vector, reading)

    def surveyed(self, reading: Reading, rule: Rule, boxes: Sequence[Box], k: int) -> list[Found]:
        own = copy.copy(rule)
        own.model = _own(rule.model)
        return self._engine.surveyed(own, boxes, k, reading)

    def count(self, reading: Reading, boxes: Sequence[Box]) -> NDArray[np.int64]:
        return self._engine.count(boxes)

    def count_within(self, reading: Reading, boxes: Sequence[Box], places: Rows) -> NDArray[np.int64]:
        return self._engine.count_within(boxes, _answer(places))

    def coverage(self, reading: Reading, boxes: Sequence[Box], places: Rows) -> tuple[int, NDArray[np.int64]]:
        return self._engine.coverage(boxes, _answer(places))

    def codes(self, reading: Reading, places: Rows) -> Codes:
        return self._engine.codes_of(places)


def _answer(places: Rows) -> AnswerSet:
    return AnswerSet(np.asarray(places).astype(np.uint64), np.zeros(len(places), np.float32))


def _own(model: Any) -> Any:
    """The model with arrays that may be written: what comes by Ray may not, and for such kernels are compiled anew."""
    own = copy.copy(model)
    if hasattr(own, "ranker_"):
        own.ranker_ = _own(own.ranker_)
    else:
        own.weights_ = np.array(own.weights_)
    return own
