"""Answers on disk: a request that can always be answered again, and the arrays of its answer while there is room."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from clip_branches.catalogue.segment import map_array
from clip_branches.disk_budget import DiskBudget
from clip_branches.engine import AnswerSet
from clip_branches.errors import DamagedFile
from clip_branches.files import TEMPORARY_PREFIX, write_whole
from clip_branches.schemas import BoxSummary, Misplaced, ModelName
from search_service.answering import Answer
from search_service.hits import Hits
from search_service.query import Query
from search_service.sealed import sealed, unsealed
from search_service.telling import Telling, Told

_log = logging.getLogger(__name__)
_REQUEST, _HITS, _DETAILS = "request.json", "hits.npy", "details.json"
_HIT = np.dtype([("id", "<u8"), ("score", "<f4"), ("votes", "<i2")])
_NO_VOTES = -1
_VERSION = 2
_REQUESTS_WITHOUT_SEAL = 1  # of an earlier program: they still give their answers


@dataclass(frozen=True)
class StoredRequest:
    """All that an answer is a function of. ``vector`` is kept, so that no image has to be."""

    query: Query
    fingerprint: str
    vector: npt.NDArray[np.float32] | None


class _Details(BaseModel):
    """What an answer has beside its hits, and the checksum of those."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    version: int
    hits_sha256: str
    generation: int
    model: ModelName
    cut: float | None
    need: int | None
    branches: int | None
    boxes: list[BoxSummary]
    boxes_total: int
    boxes_decide: bool
    covered: int
    misplaced: list[Misplaced]


class AnswerFiles:
    """``folder/<catalogue>/<result set>/``: request.json, hits.npy and details.json, while there is room for them.

    Requests have room of their own: they are small, and an answer can be given again as long as its request is there.

    Each file is renamed into place whole; details.json comes last and holds the checksum of hits.npy, so a half-written
    or damaged answer is never one: it reads as absent and is computed again. Writing is best effort: a disk that is
    full or read-only costs the stored copy, not the answer.
    """

    def __init__(self, folder: Path, max_bytes: int, max_request_bytes: int) -> None:
        self._folder = folder
        self.budget = DiskBudget(folder, f"*/*/{_HITS}", max_bytes)
        self._requests = DiskBudget(folder, f"*/*/{_REQUEST}", max_request_bytes)

    def save_request(self, catalogue: str, result_set: str, request: StoredRequest) -> bool:
        """Store the request; False when the disk refuses."""
        vector = None if request.vector is None else request.vector.astype("<f4").tobytes().hex()
        values = {
            "version": _VERSION,
            "fingerprint": request.fingerprint,
            "query": request.query.to_json(),
            "vector": vector,
        }
        content = sealed(values)
        written = self._write(self._path(catalogue, result_set) / _REQUEST, content, durable=True)
        if written:
            self._requests.wrote(len(content))
        return written

    def load_request(self, catalogue: str, result_set: str) -> StoredRequest | None:
        """The stored request, or None when there is none that can be read."""
        path = self._path(catalogue, result_set) / _REQUEST
        values = _read(path, unsealed_version=_REQUESTS_WITHOUT_SEAL)
        if values is None or values.get("version") not in (_VERSION, _REQUESTS_WITHOUT_SEAL):
            return None
        self._requests.read(path)
        try:
            vector = values["vector"]
            return StoredRequest(
                Query.from_json(values["query"]),
                str(values["fingerprint"]),
                None if vector is None else np.frombuffer(bytes.fromhex(vector), "<f4").astype(np.float32),
            )
        except (KeyError, TypeError, ValueError):
            return None

    def save(self, catalogue: str, answer: Answer) -> None:
        """Store the answer, and make room when there is too much."""
        found, told = answer.found, answer.telling.whole()
        hits = np.empty(found.total, _HIT)
        hits["id"], hits["score"] = found.ids, found.scores
        hits["votes"] = _NO_VOTES if found.votes is None else found.votes
        content = hits.tobytes()
        details = _Details(
            version=_VERSION,
            hits_sha256=hashlib.sha256(content).hexdigest(),
            generation=answer.generation,
            model=answer.model,
            cut=answer.cut,
            need=answer.need,
            branches=answer.branches,
            boxes=list(told.boxes),
            boxes_total=told.boxes_total,
            boxes_decide=answer.boxes_decide,
            covered=told.covered,
            misplaced=list(answer.misplaced),
        )
        path = self._path(catalogue, answer.result_set)
        if self.budget.max_bytes < len(content) or not self._write(path / _HITS, _as_npy(hits)):
            return
        self._write(path / _DETAILS, sealed(details.model_dump(mode="json")))
        self.budget.wrote(len(content))

    def load(self, catalogue: str, result_set: str) -> Answer | None:
        """The stored answer, or None when there is none that is whole."""
        path = self._path(catalogue, result_set)
        values = _read(path / _DETAILS)
        if values is None:
            return None
        try:
            details = _Details.model_validate(values)
            hits = map_array(path / _HITS, _HIT, rows=None, ndim=1)
        except (DamagedFile, ValidationError):
            return None
        if details.version != _VERSION:
            return None
        if hashlib.sha256(hits.tobytes()).hexdigest() != details.hits_sha256:
            _log.warning("a stored answer is damaged", extra={"path": str(path)})
            return None
        has_votes = not (len(hits) == 0 or hits["votes"][0] == _NO_VOTES)
        self.budget.read(path / _HITS)
        return Answer(
            result_set,
            details.generation,
            details.model,
            Hits.listed(
                AnswerSet(
                    np.ascontiguousarray(hits["id"], np.uint64),
                    np.ascontiguousarray(hits["score"], np.float32),
                    np.ascontiguousarray(hits["votes"], np.int16) if has_votes else None,
                )
            ),
            cut=details.cut,
            need=details.need,
            branches=details.branches,
            boxes_decide=details.boxes_decide,
            misplaced=tuple(details.misplaced),
            telling=Telling.of(Told(tuple(details.boxes), details.boxes_total, details.covered)),
        )

    def _path(self, catalogue: str, result_set: str) -> Path:
        return self._folder / catalogue / result_set

    def _write(self, path: Path, content: bytes, *, durable: bool = False) -> bool:
        """Write a file whole; ``durable`` waits for the disk, as only what cannot be computed again is worth."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if durable:
                write_whole(path, content)
            else:
                temporary = path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{threading.get_ident()}-{path.name}")
                try:
                    temporary.write_bytes(content)
                    temporary.replace(path)
                finally:
                    temporary.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("an answer cannot be stored", extra={"path": str(path), "reason": str(error)})
            return False
        return True


def _as_npy(hits: npt.NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, hits, allow_pickle=False)
    return buffer.getvalue()


def _read(path: Path, *, unsealed_version: int | None = None) -> dict[str, Any] | None:
    try:
        return unsealed(path.read_bytes(), unsealed_version=unsealed_version)
    except OSError:
        return None
