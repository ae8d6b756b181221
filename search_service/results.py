"""What can be done with an answer that is known: read a part of it, count, take it all, export it, check it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from clip_branches.engine import AnswerSet
from clip_branches.errors import InvalidInput, TooLarge
from clip_branches.schemas import ResultPage
from clip_branches.schemas.answers import (
    MAX_EXPORTED,
    CheckHit,
    CheckPage,
    CheckResponse,
    CutsResponse,
    ExportRequest,
    FacetsResponse,
    FileFormat,
    IdsResponse,
)
from clip_branches.schemas.looking import AlikeResponse, FiguresResponse, MapResponse
from search_service.looking import Looking

BOX = "@box"  # a condition on it holds for the images inside one of the answer's boxes

if TYPE_CHECKING:
    from search_service.answering import Answer
    from search_service.exporting.files import Written
    from search_service.filters import Filters, Where
    from search_service.searcher import Searcher
    from search_service.served import Served


class Results:
    """Answers by their result sets; heavy imports wait for the first call, as everything in this service does."""

    def __init__(self, searcher: Callable[[], Searcher]) -> None:
        self._searcher = searcher
        self._filters: Filters | None = None
        self._looking = Looking()

    def page(
        self, name: str, result_set: str, offset: int, limit: int, conditions: Sequence[str], *, alike: bool = False
    ) -> ResultPage:
        """Hits ``offset`` to ``offset + limit - 1`` of the part for which the conditions hold.

        Best first, or ``alike``: in an order in which neighbours look alike.
        """
        if not conditions and not alike:
            return self._searcher().page(name, result_set, offset, limit)
        served, answer, where = self._known(name, result_set, conditions)
        part = self._part(served, answer, where)
        if alike:
            with self._searcher().at_work():
                part = self._looking.alike(served, f"{result_set} {where}", part)
        return self._searcher().page_of(result_set, part, offset, limit, of=answer.total)

    def facets(self, name: str, result_set: str, conditions: Sequence[str], find: Sequence[str] = ()) -> FacetsResponse:
        """Every column of the catalogue over the answer, with exact counts; ``find``: 'column:text' of its values."""
        from search_service.filters import read_where

        served, answer, where = self._known(name, result_set, conditions)
        sought = read_where(find, "find")
        base, rest, key = self._base(served, answer, where)
        with self._searcher().at_work():
            return self._kept_filters().facets(
                served, key, base, rest, result_set=result_set, of=answer.total, find=sought
            )

    def ids(self, name: str, result_set: str, conditions: Sequence[str], *, scores: bool = False) -> IdsResponse:
        """Every id of the part for which the conditions hold: of the whole answer without any."""
        served, answer, where = self._known(name, result_set, conditions)
        part = self._part(served, answer, where)
        if part.total > MAX_EXPORTED:
            raise TooLarge(
                f"At most {MAX_EXPORTED:,} ids are given at once. These are {part.total:,}: refine the answer, filter "
                "it, or take all of it as a file (export), which is streamed.",
                field="result_set",
            )
        return IdsResponse(
            result_set=result_set,
            total=part.total,
            of=answer.total,
            ids=part.ids.tolist(),
            scores=part.scores.tolist() if scores else None,
            votes=part.votes.tolist() if scores and part.votes is not None else None,
        )

    def alike(self, name: str, result_set: str, ids: Sequence[int]) -> AlikeResponse:
        """The near duplicates of some images, in and outside the answer."""
        served, answer, _ = self._known(name, result_set, ())
        with self._searcher().at_work():
            groups = self._kept_filters().alike(served, result_set, answer.found, ids)
        return AlikeResponse(groups=groups)

    def map(self, name: str, result_set: str, conditions: Sequence[str]) -> MapResponse:
        """The part for which the conditions hold as points of a map."""
        served, answer, where = self._known(name, result_set, conditions)
        part = self._part(served, answer, where)
        with self._searcher().at_work():
            return self._looking.map(served, f"{result_set} {where}", part, result_set=result_set)

    def figures(self, name: str, result_set: str, conditions: Sequence[str]) -> FiguresResponse:
        """The part for which the conditions hold in figures, beside the catalogue."""
        served, answer, where = self._known(name, result_set, conditions)
        part, filters = self._part(served, answer, where), self._kept_filters()
        with self._searcher().at_work():
            return self._looking.figures(served, filters, answer.found, result_set, part, result_set=result_set)

    def cuts(self, name: str, result_set: str) -> CutsResponse:
        """What other cuts on the score would give."""
        from search_service.cutting import cut_steps

        served, answer, _ = self._searcher().known(name, result_set)
        _, rule = self._searcher().rule(name, result_set)
        if rule is None or rule.decide or answer.cut is None:
            raise InvalidInput(
                "The 'result_set' must be of an answer that a score decides. This one has no cut: its model is "
                f"{answer.model!r}.",
                field="result_set",
            )
        with self._searcher().at_work():
            steps = cut_steps(served, result_set, rule, answer.found)
        return CutsResponse(result_set=result_set, cut=answer.cut, own=rule.own_cut, steps=steps)

    def sample(self, name: str, result_set: str, offset: int, limit: int) -> CheckPage:
        """Images ``offset`` to ``offset + limit - 1`` of the random sample that the answer is checked with."""
        from search_service.checking import draw_sample

        served, answer, request = self._searcher().known(name, result_set)
        with self._searcher().at_work():
            ids = draw_sample(served.catalogue, result_set, request.query, answer.found).ids
        hits = [CheckHit(id=item) for item in ids[offset : offset + limit].tolist()]
        return CheckPage(result_set=result_set, total=len(ids), offset=offset, hits=hits)

    def judge(self, name: str, result_set: str, judged: Sequence[bool]) -> CheckResponse:
        """How complete and how clean the answer is, by the judged part of its sample."""
        from search_service.checking import draw_sample, judge

        served, answer, request = self._searcher().known(name, result_set)
        with self._searcher().at_work():
            return judge(result_set, draw_sample(served.catalogue, result_set, request.query, answer.found), judged)

    def export(self, name: str, result_set: str, form: FileFormat, conditions: Sequence[str]) -> Written:
        """A file of the part for which the conditions hold."""
        from search_service.exporting import Export, Group, recipe, written

        served, answer, where = self._known(name, result_set, conditions)
        request = self._searcher().known(name, result_set)[2]
        part, query = self._part(served, answer, where), request.query
        told = recipe(served, answer, request, where, part.total)
        told["sql"] = self._searcher().boxes(name, result_set, 0, 1).sql
        group = Group(query.text or name, frozenset(query.positive), frozenset(query.negative))
        title = f"{name}-{result_set[:8]}"
        return written(Export(served.catalogue, title, part.ids, part.scores, part.votes, [group], None, told), form)

    def export_images(self, name: str, body: ExportRequest) -> Written:
        """A file of any images: of a saved answer, or of a collection."""
        import numpy as np

        from search_service.exporting import Export, Group, written

        groups = [Group(group.name, frozenset(group.positive), frozenset(group.negative)) for group in body.groups]
        return written(
            Export(
                self._searcher().served(name).catalogue,
                body.name,
                np.array(body.ids, np.uint64),
                None if body.scores is None else np.array(body.scores, np.float32),
                None if body.votes is None else np.array(body.votes, np.int16),
                groups,
                None if body.held is None else np.array(body.held, np.int64),
                body.recipe,
            ),
            body.format,
        )

    def _known(self, name: str, result_set: str, conditions: Sequence[str]) -> tuple[Served, Answer, Where]:
        from search_service.filters import read_where

        served, answer, _ = self._searcher().known(name, result_set)
        return served, answer, read_where(conditions)

    def _part(self, served: Served, answer: Answer, where: Where) -> AnswerSet:
        if not where:
            return answer.found
        base, rest, key = self._base(served, answer, where)
        with self._searcher().at_work():
            return self._kept_filters().part(served, key, base, rest)

    def _base(self, served: Served, answer: Answer, where: Where) -> tuple[AnswerSet, Where, str]:
        """The images inside one of the boxes asked for, the conditions left, and a name for these images."""
        boxes = dict(where).get(BOX, ())
        if not boxes:
            return answer.found, where, answer.result_set
        _, rule = self._searcher().rule(served.name, answer.result_set)
        known = {box.id: box for box in rule.boxes} if rule is not None else {}
        chosen = [known[name] for name in boxes if name in known]
        if len(chosen) < len(boxes):
            raise InvalidInput(
                f"A condition on {BOX!r} must be the id of a box of this answer, which has {len(known)}. "
                f"Got {', '.join(boxes)[:80]} instead.",
                field="where",
            )
        from search_service.filters import inside

        with self._searcher().at_work():
            held = inside(served, chosen, answer.found)
        rest = tuple(pair for pair in where if pair[0] != BOX)
        return held, rest, f"{answer.result_set} {' '.join(boxes)}"

    def _kept_filters(self) -> Filters:
        from search_service.filters import Filters

        if self._filters is None:
            self._filters = Filters()
        return self._filters
