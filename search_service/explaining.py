"""Why an answer is what it is: the boxes behind it, and why one image is in or out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clip_branches.errors import UnknownItem
from clip_branches.schemas import BoxesPage, BoxRanges, WhyResponse
from search_service.answering import ranges, summaries

if TYPE_CHECKING:
    from search_service.searcher import Searcher


def boxes_page(searcher: Searcher, name: str, result_set: str, offset: int, limit: int) -> BoxesPage:
    """Boxes ``offset`` to ``offset + limit - 1`` behind an answer, and its condition in SQL."""
    answer, (served, rule) = searcher.answer(name, result_set, "result_set"), searcher.rule(name, result_set)
    if rule is None:
        return BoxesPage(
            result_set=result_set, model=answer.model, boxes_decide=False, need=None, total=0, offset=offset,
            boxes=[], sql="TRUE",
        )  # fmt: skip
    with searcher.at_work():
        page = summaries(rule, rule.boxes[offset : offset + limit], served, answer.found)
    return BoxesPage(
        result_set=result_set,
        model=answer.model,
        boxes_decide=rule.decide,
        need=answer.need,
        total=len(rule.boxes),
        offset=offset,
        boxes=list(page),
        sql=rule.sql(),
    )


def why_of(searcher: Searcher, name: str, result_set: str, item: int) -> WhyResponse:
    """Why an image is in an answer, or why not."""
    answer, (served, rule) = searcher.answer(name, result_set, "result_set"), searcher.rule(name, result_set)
    if not served.catalogue.contains([item])[0]:
        raise UnknownItem(f"The 'id' must be of an image in the catalogue {name!r}. Got {item} instead.", field="id")
    rank = answer.found.rank_of(item)
    why = None if rule is None else rule.explain(served.engine.codes_of([item])[0])
    score = float(answer.found.scores[rank]) if rank is not None else why.score if why is not None else 0.0
    return WhyResponse(
        result_set=result_set,
        id=item,
        accepted=rank is not None,
        rank=None if rank is None else rank + 1,
        total=answer.total,
        model=answer.model,
        score=round(score, 6),
        cut=answer.cut,
        votes=None if why is None else why.votes,
        need=answer.need,
        branches=answer.branches,
        boxes_decide=answer.boxes_decide,
        boxes=[] if rule is None or why is None else [BoxRanges(**ranges(holder.box, rule)) for holder in why.holders],
    )
