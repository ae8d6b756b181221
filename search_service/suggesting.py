"""Which images to label next: a request's model, and what it is least sure of."""

from __future__ import annotations

from clip_branches.engine import Rule, suggest
from clip_branches.errors import InvalidInput
from clip_branches.schemas import Suggestion, SuggestRequest, SuggestResponse
from search_service.answering import Timings, name_of
from search_service.gate import Gate
from search_service.images import image_bytes, pixels
from search_service.query import read_query
from search_service.served import Served
from search_service.training import TrainedModels
from search_service.vector import query_vector


def suggestions(served: Served, body: SuggestRequest, models: TrainedModels, gate: Gate) -> SuggestResponse:
    """Images worth labelling next, for the model of a search with this body. Raises InvalidInput without labels."""
    timings = Timings()
    with gate.admitted():
        uploaded = None if body.image is None else image_bytes(body.image)
        query = read_query(body, served.catalogue, uploaded, served.composer.named)
        if query.model == "text":
            raise InvalidInput(
                "Suggestions need labels to go by: mark at least one image right, and use another model than 'text'.",
                field="positive",
            )
        with gate.computing():
            with timings.step("encode"):
                vector = query_vector(query, None if uploaded is None else pixels(uploaded), served)
            with timings.step("train"):
                trained = models.get(query, vector, served)
                rule = Rule(trained.model, trained.described, query.boxes_off, query.cut)
            with timings.step("query"):
                labelled = [*query.positive, *query.negative]
                found = suggest(served.engine, rule, labelled, body.limit, exclude=body.exclude)
    columns = zip(found.ids.tolist(), found.reasons, found.accepted.tolist(), found.margins.tolist(), strict=True)
    return SuggestResponse(
        catalogue=served.name,
        generation=served.catalogue.generation,
        model=name_of(trained.model, query.model),
        suggestions=[
            Suggestion(id=item, reason=reason, accepted=accepted, margin=round(margin, 4))
            for item, reason, accepted, margin in columns
        ],
        timings_ms=timings.to_json(),
    )
