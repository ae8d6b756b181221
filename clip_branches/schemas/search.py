"""A round of a search: what is asked, what is answered, and what to label next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from clip_branches.schemas.base import (
    MAX_BOXES_OFF,
    MAX_LABELS,
    MAX_PAGE,
    MAX_SUGGESTIONS,
    BoxId,
    Id,
    ModelName,
    RequestModel,
    Text,
)


class Term(RequestModel):
    """A further thing that the results should show."""

    text: Text
    weight: Annotated[float, Field(ge=0.1, le=10)] = Field(
        1.0, description="How much it counts beside the text and the image, which count 1 each."
    )


class Weighted(RequestModel):
    """A further image to start from."""

    id: Id
    weight: Annotated[float, Field(ge=0.1, le=10)] = 1.0


def _weighed(name: str) -> Callable[[Any], Any]:
    """Takes what is plain, a text or an id, for an object that has no more than it."""
    return lambda given: given if isinstance(given, dict | BaseModel) else {name: given}


SaidTerm = Annotated[Term, BeforeValidator(_weighed("text"), json_schema_input_type=Text | Term)]
FurtherImage = Annotated[Weighted, BeforeValidator(_weighed("id"), json_schema_input_type=Id | Weighted)]


class Compose(RequestModel):
    """Words that change the query's images: "like this, but ...". A plain text or id counts 1."""

    texts: list[SaidTerm] = Field(
        [],
        max_length=20,
        description="What is to be different, in words: all of one weight are one instruction. Weights are relative to "
        "one another; 'balance' sets the words against the look.",
    )
    without: list[SaidTerm] = Field(
        [], max_length=20, description="What is to be less, in words; one of weight 2 takes away twice as much."
    )
    images: list[FurtherImage] = Field(
        [], max_length=20, description="Further images to start from, beside 'image' and 'image_id': catalogue ids."
    )
    weight: Annotated[float, Field(ge=0.1, le=10)] = Field(
        1.0, description="How much 'image' and 'image_id' count beside the further images."
    )
    balance: Annotated[float, Field(ge=0, le=1)] = Field(0.5, description="From 0 (look alone) to 1 (words alone).")
    method: Literal["sum", "slerp", "combiner", "inversion"] | None = Field(
        None, description="How to compose; without it as the service is configured, for that model."
    )


class SearchRequest(RequestModel):
    """One round of a search: a query, and the labels given so far."""

    text: Text | None = Field(
        None, description="What to look for, in words; white space and control characters are collapsed."
    )
    image: str | None = Field(None, description="An example image: base64 of its file bytes.")
    image_url: Annotated[str, Field(max_length=2_000, strict=True)] | None = Field(
        None, description="An example image by its public address, where the service's setting 'image_urls' is on."
    )
    image_id: Id | None = Field(None, description="An example image: the id of a catalogue item.")
    terms: list[Term] = Field([], max_length=20, description="What it should show as well, each by its weight.")
    compose: Compose | None = Field(None, description="Words that change the image or images given.")
    without: list[Text] = Field([], max_length=20, description="What the results should not show.")
    positive: list[Id] = Field(
        [], max_length=MAX_LABELS, description="Ids labelled right, in any order; one given twice counts once."
    )
    negative: list[Id] = Field([], max_length=MAX_LABELS, description="Ids labelled wrong, likewise.")
    model: ModelName = Field(
        "auto",
        description="How to answer. Without labels every model is 'text': the whole catalogue, nearest first. "
        "With labels 'text' ignores them, and 'auto' picks the model.",
    )
    seed: Annotated[int, Field(ge=0, le=2**31 - 1, strict=True)] = Field(
        0, description="Seed of the model's randomness."
    )
    cut: Annotated[float, Field(ge=-1e6, le=1e6)] | None = Field(
        None, description="Lowest score to accept, where a score decides; without it the model's own."
    )
    boxes_off: list[BoxId] = Field(
        [],
        max_length=MAX_BOXES_OFF,
        description="Ids of boxes to switch off, from 'boxes' of an answer to the same labels. Where boxes decide "
        "(branch, ensemble) the answer is exactly that of the boxes left. Where a score decides (linear), accepted "
        "images inside a box that is off and inside none that is on leave the answer; those in no box stay.",
    )
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE, strict=True)] = Field(60, description="Hits in the first page.")
    describe: bool = Field(
        True,
        description="False: the answer comes sooner, without 'boxes', 'boxes_total' and 'covered', which are empty and "
        "0 then. The same search with true, or GET .../boxes, gives them afterwards.",
    )


class Hit(BaseModel):
    """One image of an answer; hits are ordered best first (score descending, then id ascending)."""

    id: int
    score: float
    votes: int | None = Field(None, description="Branches that accept the image (branch and ensemble models).")


class BoxRanges(BaseModel):
    """An axis-aligned box over a few code dimensions, closed on both sides."""

    id: str = Field(description="Names what the box holds; 'boxes_off' of a search takes it.")
    on: bool = Field(True, description="False when the request switched the box off.")
    features: list[int] = Field(description="Code dimensions, 0 to 31.")
    low: list[int] = Field(description="Lowest code accepted, one a feature, 0 to 255.")
    high: list[int] = Field(description="Highest code accepted, one a feature, 0 to 255.")
    branches: list[int] = Field([], description="Branches that the box belongs to, from 0; none where a score decides.")
    sql: str = Field(description="The box as a WHERE condition over columns f0 to f31.")


class BoxSummary(BoxRanges):
    """A box, and what it holds."""

    count: int = Field(description="Images of the whole catalogue inside the box, exactly.")
    accepted: int = Field(description="How many of those are in the answer.")
    alone: int = Field(description="Images of the answer that would leave it if this one box were switched off.")


class Misplaced(BaseModel):
    """A labelled image on the wrong side of an answer: a positive outside of it, or a negative inside."""

    id: int
    label: Literal["positive", "negative"]


class Reading(BaseModel):
    """What was read to find an answer."""

    blocks: int = Field(description="Blocks of codes that their zones did not settle.")
    blocks_total: int = Field(description="Blocks of codes there are.")
    bytes: int = Field(description="Bytes of codes read.")


class SearchResponse(BaseModel):
    result_set: str = Field(description="Digest of (generation, request): the same request gives the same id.")
    catalogue: str
    generation: int
    model: ModelName = Field(description="The model that answered: never 'auto' without labels.")
    total: int = Field(description="Every image that the model accepts, exactly.")
    cut: float | None = Field(None, description="Lowest score accepted, where a score decides.")
    need: int | None = Field(None, description="Votes that are enough, where boxes decide.")
    branches: int | None = Field(None, description="Branches that vote, where boxes decide.")
    hits: list[Hit]
    boxes: list[BoxSummary] = Field(
        [], description="Boxes that tell most of the answer, first, and every box switched off; not always all."
    )
    boxes_total: int = Field(0, description="All boxes of the answer; GET .../boxes gives them page by page.")
    boxes_decide: bool = Field(
        False, description="True: the boxes decide what is accepted. False: a score does, the boxes only describe it."
    )
    covered: int = Field(0, description="Images of the answer inside at least one of 'boxes' that is on, exactly.")
    misplaced: list[Misplaced] = Field([], description="Labelled images that the model puts on the other side.")
    reading: Reading | None = Field(None, description="What was read for it; null for an answer that was known.")
    timings_ms: dict[str, float] = Field(
        description="encode, train, query, rank, explain, store and total; one that was not needed is 0."
    )


class SuggestRequest(SearchRequest):
    """A search with labels, as it is; what the model trained on them would have labelled next."""

    exclude: list[Id] = Field(
        [], max_length=MAX_LABELS, description="Ids not to suggest: seen before, and left without a label."
    )
    limit: Annotated[int, Field(ge=1, le=MAX_SUGGESTIONS, strict=True)] = Field(24, description="Most suggestions.")


class Suggestion(BaseModel):
    """An image whose label would teach the model something."""

    id: int
    reason: Literal["unsure", "likely", "unlike"] = Field(
        description="unsure: near the cut. likely: probably right, to confirm. unlike: far from everything labelled."
    )
    accepted: bool = Field(description="Whether the image is in the answer now.")
    margin: float = Field(description="Score above the cut (log odds); negative under it.")


class SuggestResponse(BaseModel):
    catalogue: str
    generation: int
    model: ModelName
    suggestions: list[Suggestion] = Field(description="The most useful first; fewer than 'limit' where there are.")
    timings_ms: dict[str, float]
