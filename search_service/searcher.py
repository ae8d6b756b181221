"""Requests in, answers out: what the endpoints call."""

from __future__ import annotations

import re

from clip_branches.engine import AnswerSet
from clip_branches.errors import UnknownResultSet
from clip_branches.schemas import (
    ChangeSide,
    ChangesResponse,
    Hit,
    ResultPage,
    SearchRequest,
    SearchResponse,
)
from clip_branches.service.shelf import Shelf
from clip_branches.settings import SearchSettings
from search_service.answering import Answer, Timings, compute_answer
from search_service.gate import Gate
from search_service.images import image_bytes, pixels
from search_service.query import read_query
from search_service.served import Served
from search_service.store import AnswerStore, Key
from search_service.stored import AnswerFiles, StoredRequest
from search_service.vector import query_vector

_RESULT_SET = re.compile(r"[0-9a-f]{32}")


class Searcher:
    """Answers searches and pages; holds no state of a request, so any number of threads may ask at once."""

    def __init__(self, settings: SearchSettings, shelf: Shelf[Served]) -> None:
        self._shelf = shelf
        self._unlabelled = settings.unlabelled
        self._gate = Gate(settings.threads)
        files = AnswerFiles(settings.data_dir / "answers", settings.answers_disk_mb * 1_000_000)
        self._store = AnswerStore(files, settings.answers_in_memory)

    def search(self, name: str, body: SearchRequest) -> SearchResponse:
        """The first page of the answer to ``body``, computed unless the same was asked of this generation before."""
        timings = Timings()
        served = self._shelf.get(name)
        with self._gate.admitted():
            uploaded = None if body.image is None else image_bytes(body.image)
            query = read_query(body, served.catalogue, uploaded)
            result_set = query.result_set(served.fingerprint, self._unlabelled)
            key = (name, result_set)
            with self._store.alone(key):
                answer = self._store.get(key)
                if answer is None:
                    with self._gate.computing():
                        with timings.step("encode"):
                            image = None if uploaded is None else pixels(uploaded)
                            vector = query_vector(query, image, served)
                        request = StoredRequest(query, served.fingerprint, vector)
                        answer = self._compute(key, request, served, timings)
                    with timings.step("store"):
                        self._store.put_request(key, request)
                        self._store.put(key, answer)
        return SearchResponse(
            result_set=result_set,
            catalogue=name,
            generation=answer.generation,
            model=answer.model,
            total=answer.found.total,
            cut=answer.cut,
            hits=_hits(answer.found.page(0, body.limit)),
            boxes=list(answer.boxes),
            boxes_decide=answer.boxes_decide,
            misplaced=list(answer.misplaced),
            timings_ms=timings.to_json(),
        )

    def page(self, name: str, result_set: str, offset: int, limit: int) -> ResultPage:
        """Hits ``offset`` to ``offset + limit - 1`` of an answer; empty beyond its end."""
        found = self._answer(name, result_set, "result_set").found
        return ResultPage(
            result_set=result_set, total=found.total, offset=offset, hits=_hits(found.page(offset, limit))
        )

    def changes(self, name: str, result_set: str, since: str, offset: int, limit: int) -> ChangesResponse:
        """What is in the answer and was not in ``since``, and the reverse; a page of each, in their own order."""
        now, before = self._answer(name, result_set, "result_set"), self._answer(name, since, "since")
        came_in, went_out = now.found.changes(before.found)
        return ChangesResponse(
            result_set=result_set,
            since=since,
            came_in=ChangeSide(total=came_in.total, hits=_hits(came_in.page(offset, limit))),
            went_out=ChangeSide(total=went_out.total, hits=_hits(went_out.page(offset, limit))),
        )

    def _answer(self, name: str, result_set: str, field: str) -> Answer:
        """A known answer: from memory, from disk, or computed again from its stored request."""
        served = self._shelf.get(name)
        if not _RESULT_SET.fullmatch(result_set):
            raise UnknownResultSet(
                f"The '{field}' must be one that a search of '{name}' answered: 32 hexadecimal digits. "
                f"Got {result_set[:80]!r} instead.",
                field=field,
            )
        key = (name, result_set)
        answer = self._store.get(key)
        if answer is not None:
            return answer
        request = self._store.request(key)
        if request is None or request.fingerprint != served.fingerprint:
            why = "No search gave it" if request is None else "It is of an earlier generation and no longer kept"
            raise UnknownResultSet(
                f"The '{field}' must be one that a search of '{name}' answered. {why}: {result_set}. "
                "Send the search again.",
                field=field,
            )
        with self._gate.admitted(), self._store.alone(key):
            answer = self._store.get(key)
            if answer is None:
                with self._gate.computing():
                    answer = self._compute(key, request, served, Timings())
                self._store.put(key, answer)
        return answer

    def _compute(self, key: Key, request: StoredRequest, served: Served, timings: Timings) -> Answer:
        return compute_answer(
            request.query,
            request.vector,
            served,
            result_set=key[1],
            unlabelled=self._unlabelled,
            timings=timings,
        )


def _hits(found: AnswerSet) -> list[Hit]:
    votes = [None] * found.total if found.votes is None else found.votes.tolist()
    return [
        Hit(id=item, score=round(score, 6), votes=vote)
        for item, score, vote in zip(found.ids.tolist(), found.scores.tolist(), votes, strict=True)
    ]
