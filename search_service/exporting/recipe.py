"""All that gives an answer again."""

from __future__ import annotations

from typing import Any

from clip_branches import __version__
from search_service.answering import Answer
from search_service.filters import Where
from search_service.served import Served
from search_service.stored import StoredRequest


def recipe(served: Served, answer: Answer, request: StoredRequest, where: Where, exported: int) -> dict[str, Any]:
    """The catalogue's generation, the encoder, the query with its labels and seed, the model, its cut and its boxes."""
    encoder = served.catalogue.encoder
    return {
        "format": "clip-branches-recipe",
        "version": 1,
        "program": __version__,
        "catalogue": served.name,
        "generation": answer.generation,
        "catalogue_fingerprint": request.fingerprint,
        "encoder": {"model": encoder.model, "fingerprint": encoder.fingerprint},
        "result_set": answer.result_set,
        "query": request.query.to_json(),
        # An uploaded image is not kept: what it was turned into is.
        "vector": None if request.vector is None else [round(float(x), 8) for x in request.vector],
        "model": answer.model,
        "cut": answer.cut,
        "boxes_decide": answer.boxes_decide,
        "boxes": [box.model_dump() for box in answer.telling.whole().boxes],
        "total": answer.total,
        "shown": {name: list(values) for name, values in where},
        "exported": exported,
    }
