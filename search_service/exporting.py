"""An answer as a file: every image with its place, score and label, and the recipe that gives the same answer again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from clip_branches import __version__
from clip_branches.engine import AnswerSet
from search_service.answering import Answer
from search_service.filters import Where
from search_service.query import Query
from search_service.served import Served
from search_service.stored import StoredRequest

_BATCH = 1_000
_OWN = ("rank", "id", "score", "votes", "label", "source", "caption", "width", "height", "sha256")
_RUNNABLE = ("=", "+", "-", "@", "\t", "\r")


def recipe(served: Served, answer: Answer, request: StoredRequest, where: Where, exported: int) -> dict[str, Any]:
    """All that gives the same answer again: the catalogue's generation, the query, the labels, the model, the boxes."""
    query = request.query.to_json()
    return {
        "format": "clip-branches-recipe",
        "version": 1,
        "program": __version__,
        "catalogue": served.name,
        "generation": answer.generation,
        "catalogue_fingerprint": request.fingerprint,
        "result_set": answer.result_set,
        "query": query,
        # An uploaded image is not kept: what it was turned into is.
        "vector": None if request.vector is None else [round(float(x), 8) for x in request.vector],
        "model": answer.model,
        "cut": answer.cut,
        "boxes_decide": answer.boxes_decide,
        "boxes": [box.model_dump() for box in answer.boxes],
        "total": answer.found.total,
        "shown": {name: list(values) for name, values in where},
        "exported": exported,
    }


def as_csv(served: Served, query: Query, part: AnswerSet) -> Iterator[str]:
    """Lines of a CSV file, one an image, best first. A text that a spreadsheet would run has a ' before it."""
    further = sorted({name for segment in served.catalogue.segments for name in segment.metadata_columns})
    # A column of the catalogue with a name of ours keeps its own, told apart.
    names = [f"metadata.{name}" if name in _OWN else name for name in further]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*_OWN, *names])
    for rows in _rows(served, query, part):
        for row in rows:
            values = [*(row[name] for name in _OWN), *(row["metadata"].get(name) for name in further)]
            writer.writerow([_inert(value) for value in values])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def as_json(served: Served, query: Query, part: AnswerSet, recipe: dict[str, Any]) -> Iterator[str]:
    """One JSON object, {"recipe": ..., "images": [...]}, in pieces."""
    yield f'{{"recipe": {json.dumps(recipe, ensure_ascii=False)},\n"images": ['
    separator = "\n"
    for rows in _rows(served, query, part):
        yield separator + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        separator = ",\n"
    yield "\n]}\n"


def _rows(served: Served, query: Query, part: AnswerSet) -> Iterator[list[dict[str, Any]]]:
    """Images in batches: rank, id, score, votes, label and what the catalogue knows."""
    labels = dict.fromkeys(query.positive, "right") | dict.fromkeys(query.negative, "wrong")
    for offset in range(0, part.total, _BATCH):
        page = part.page(offset, _BATCH)
        items, _ = served.catalogue.items(page.ids)
        votes = [None] * page.total if page.votes is None else page.votes.tolist()
        known = zip(items, page.scores.tolist(), votes, strict=True)
        yield [
            {"rank": offset + place, "score": round(score, 6), "votes": vote, "label": labels.get(item["id"]), **item}
            for place, (item, score, vote) in enumerate(known, start=1)
        ]


def _inert(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_RUNNABLE) else value
