"""Requests in, answers out: what the endpoints call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from clip_branches.engine import AnswerSet, Rule
from clip_branches.errors import UnknownResultSet
from clip_branches.schemas import (
    BoxesPage,
    ChangeSide,
    ChangesResponse,
    Hit,
    ResultPage,
    SearchRequest,
    SearchResponse,
    SuggestRequest,
    SuggestResponse,
    WhyResponse,
)
from clip_branches.service.shelf import Shelf
from clip_branches.settings import SearchSettings
from search_service.answering import Answer, Timings, compute_answer
from search_service.explaining import boxes_page, why_of
from search_service.gate import Gate
from search_service.generations import Generations, OpenEarlier
from search_service.images import image_bytes, pixels
from search_service.query import read_query
from search_service.served import Served
from search_service.store import AnswerStore, Key
from search_service.stored import AnswerFiles, StoredRequest
from search_service.suggesting import suggestions
from search_service.telling import Told
from search_service.training import TrainedModels
from search_service.vector import query_vector

_RESULT_SET = re.compile(r"[0-9a-f]{32}")


class Searcher:
    """Answers searches and pages; holds no state of a request, so any number of threads may ask at once."""

    def __init__(self, settings: SearchSettings, shelf: Shelf[Served], open_earlier: OpenEarlier) -> None:
        self._shelf = shelf
        self._generations = Generations(shelf, open_earlier)
        self._unlabelled = settings.unlabelled
        self._gate = Gate(settings.threads)
        self._models = TrainedModels(settings.unlabelled)
        self.files = AnswerFiles(
            settings.data_dir / "answers", settings.answers_disk_mb * 1_000_000, settings.requests_disk_mb * 1_000_000
        )
        in_memory = settings.answers_memory_mb * 1_000_000
        self._store = AnswerStore(self.files, settings.answers_in_memory, in_memory, self._gate.idle)

    def stop(self) -> None:
        """End the background work; requests are still answered."""
        self._store.stop()

    def search(self, name: str, body: SearchRequest) -> SearchResponse:
        """The first page of the answer to ``body``, computed unless the same was asked of this generation before."""
        timings = Timings()
        served = self._shelf.get(name)
        with self._gate.admitted():
            uploaded = None if body.image is None else image_bytes(body.image)
            query = read_query(body, served.catalogue, uploaded, served.composer.named)
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
                        written = self._store.put_request(key, request)
                        answer = self._compute(key, request, served, timings, describe=body.describe)
                    with timings.step("store"):
                        written.result()
                        self._store.put(key, answer)
                first = self._page(answer, 0, body.limit)
                told = self._told(answer, timings) if body.describe else Told()
        return SearchResponse(
            result_set=result_set,
            catalogue=name,
            generation=answer.generation,
            model=answer.model,
            total=answer.total,
            cut=answer.cut,
            need=answer.need,
            branches=answer.branches,
            hits=_hits(first),
            boxes=list(told.boxes),
            boxes_total=told.boxes_total,
            boxes_decide=answer.boxes_decide,
            covered=told.covered,
            misplaced=list(answer.misplaced),
            reading=timings.read(),
            timings_ms=timings.to_json(),
        )

    def suggest(self, name: str, body: SuggestRequest) -> SuggestResponse:
        """Images worth labelling next, for the model that a search with this body has."""
        return suggestions(self._shelf.get(name), body, self._models, self._gate)

    def page(self, name: str, result_set: str, offset: int, limit: int) -> ResultPage:
        """Hits ``offset`` to ``offset + limit - 1`` of an answer; empty beyond its end."""
        answer = self.answer(name, result_set, "result_set")
        page = self._page(answer, offset, limit)
        return ResultPage(result_set=result_set, total=answer.total, of=answer.total, offset=offset, hits=_hits(page))

    def changes(self, name: str, result_set: str, since: str, offset: int, limit: int) -> ChangesResponse:
        """What is in the answer and was not in ``since``, and the reverse; a page of each, in their own order."""
        now, before = self.answer(name, result_set, "result_set"), self.answer(name, since, "since")
        came_in, went_out = now.found.changes(before.found)
        return ChangesResponse(
            result_set=result_set,
            since=since,
            came_in=ChangeSide(total=came_in.total, hits=_hits(came_in.page(offset, limit))),
            went_out=ChangeSide(total=went_out.total, hits=_hits(went_out.page(offset, limit))),
        )

    def boxes(self, name: str, result_set: str, offset: int, limit: int) -> BoxesPage:
        """Boxes ``offset`` to ``offset + limit - 1`` behind an answer, and its condition in SQL."""
        return boxes_page(self, name, result_set, offset, limit)

    def why(self, name: str, result_set: str, item: int) -> WhyResponse:
        """Why an image is in an answer, or why not."""
        return why_of(self, name, result_set, item)

    def served(self, name: str) -> Served:
        """A catalogue as it is now."""
        return self._shelf.get(name)

    def known(self, name: str, result_set: str) -> tuple[Served, Answer, StoredRequest]:
        """An answer of the catalogue as it is now, with the request that gave it."""
        answer = self.answer(name, result_set, "result_set")
        served, request = self._shelf.get(name), self._store.request((name, result_set))
        if request is None or request.fingerprint != served.fingerprint:
            raise UnknownResultSet(
                f"The 'result_set' must be of the catalogue {name!r} as it is now. {result_set} is of an earlier "
                "generation. Send the search again.",
                field="result_set",
            )
        return served, answer, request

    def page_of(self, result_set: str, part: AnswerSet, offset: int, limit: int, *, of: int) -> ResultPage:
        """A page of a part of an answer that has ``of`` images."""
        return ResultPage(
            result_set=result_set, total=part.total, of=of, offset=offset, hits=_hits(part.page(offset, limit))
        )

    def _page(self, answer: Answer, offset: int, limit: int) -> AnswerSet:
        """A page of an answer; its first pages are at hand, for a later one all hits may have to be computed."""
        if answer.hits.has(offset, limit):
            return answer.hits.page(offset, limit)
        with self._gate.computing():
            return answer.hits.page(offset, limit)

    def _told(self, answer: Answer, timings: Timings) -> Told:
        """What the boxes tell of an answer; worked out where it was given without them before."""
        if answer.telling.known:
            return answer.telling.whole()
        with self._gate.computing(), timings.step("explain"):
            return answer.telling.whole()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Admits work on an answer: no more at once than there are threads, and waits while others compute."""
        with self._gate.admitted(), self._gate.computing():
            yield

    def answer(self, name: str, result_set: str, field: str) -> Answer:
        """A known answer: from memory, from disk, or computed again from its stored request."""
        self._shelf.get(name)  # an unknown catalogue is said first
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
        served = None if request is None else self._generations.find(name, request.fingerprint)
        if request is None or served is None:
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

    def rule(self, name: str, result_set: str) -> tuple[Served, Rule | None]:
        """The rule behind a known answer, or None for a plain ranking; trained again where it is not at hand."""
        request = self._store.request((name, result_set))
        served = None if request is None else self._generations.find(name, request.fingerprint)
        if request is None or served is None:
            raise UnknownResultSet(
                f"The 'result_set' must be of a generation of the catalogue {name!r} that is still kept. {result_set} "
                "can be read, not explained. Send the search again.",
                field="result_set",
            )
        query = request.query
        if query.model == "text" and request.vector is not None:
            return served, None
        with self._gate.admitted(), self._gate.computing():
            trained = self._models.get(query, request.vector, served)
        return served, Rule(trained.model, trained.described, query.boxes_off, query.cut)

    def _compute(
        self, key: Key, request: StoredRequest, served: Served, timings: Timings, *, describe: bool = False
    ) -> Answer:
        return compute_answer(
            request.query,
            request.vector,
            served,
            result_set=key[1],
            models=self._models,
            timings=timings,
            describe=describe,
        )


def _hits(found: AnswerSet) -> list[Hit]:
    votes = [None] * found.total if found.votes is None else found.votes.tolist()
    return [
        Hit(id=item, score=round(score, 6), votes=vote)
        for item, score, vote in zip(found.ids.tolist(), found.scores.tolist(), votes, strict=True)
    ]
