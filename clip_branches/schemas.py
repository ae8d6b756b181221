"""Request and response bodies shared by the services and their clients (pydantic models)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_TEXT_LENGTH = 1_000
MAX_LABELS = 10_000
MAX_PAGE = 1_000

ModelName = Literal["auto", "text", "branch", "ensemble", "linear"]
Id = Annotated[int, Field(ge=0, le=2**63 - 1, strict=True)]
Text = Annotated[str, Field(max_length=MAX_TEXT_LENGTH, strict=True)]


class RequestModel(BaseModel):
    """A request body: a key that is not known is an error, not a silent no-op."""

    model_config = ConfigDict(extra="forbid")


class SearchRequest(RequestModel):
    """One round of a search: a query, and the labels given so far."""

    text: Text | None = Field(
        None, description="What to look for, in words; white space and control characters are collapsed."
    )
    image: str | None = Field(None, description="An example image: base64 of its file bytes.")
    image_id: Id | None = Field(None, description="An example image: the id of a catalogue item.")
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
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE, strict=True)] = Field(60, description="Hits in the first page.")


class Hit(BaseModel):
    """One image of an answer; hits are ordered best first (score descending, then id ascending)."""

    id: int
    score: float
    votes: int | None = Field(None, description="Branches that accept the image (branch and ensemble models).")


class BoxSummary(BaseModel):
    """An axis-aligned box over a few code dimensions, closed on both sides."""

    features: list[int] = Field(description="Code dimensions, 0 to 31.")
    low: list[int] = Field(description="Lowest code accepted, one a feature, 0 to 255.")
    high: list[int] = Field(description="Highest code accepted, one a feature, 0 to 255.")
    count: int = Field(description="Images of the whole catalogue inside the box, exactly.")
    accepted: int = Field(description="How many of those are in the answer.")
    sql: str = Field(description="The box as a WHERE condition over columns f0 to f31.")


class Misplaced(BaseModel):
    """A labelled image on the wrong side of an answer: a positive outside of it, or a negative inside."""

    id: int
    label: Literal["positive", "negative"]


class SearchResponse(BaseModel):
    result_set: str = Field(description="Digest of (generation, request): the same request gives the same id.")
    catalogue: str
    generation: int
    model: ModelName = Field(description="The model that answered: never 'auto' without labels.")
    total: int = Field(description="Every image that the model accepts, exactly.")
    cut: float | None = Field(None, description="Lowest score accepted, where the model has a cut.")
    hits: list[Hit]
    boxes: list[BoxSummary] = []
    boxes_decide: bool = Field(
        False, description="True: the answer is the union of the boxes' votes. False: the boxes only describe it."
    )
    misplaced: list[Misplaced] = Field([], description="Labelled images that the model puts on the other side.")
    timings_ms: dict[str, float] = Field(
        description="encode, train, query, rank, explain, store and total; one that was not needed is 0."
    )


class ResultPage(BaseModel):
    """A stable page of an answer."""

    result_set: str
    total: int
    offset: int
    hits: list[Hit]


class ChangeSide(BaseModel):
    total: int
    hits: list[Hit]


class ChangesResponse(BaseModel):
    """What an answer gained and lost against an earlier one."""

    result_set: str
    since: str
    came_in: ChangeSide
    went_out: ChangeSide


class CatalogueSummary(BaseModel):
    name: str
    title: str
    size: int
    generation: int
    has_captions: bool
    examples: list[str] = Field([], description="Queries worth trying first.")


class CataloguesResponse(BaseModel):
    catalogues: list[CatalogueSummary]
    unavailable: dict[str, str] = Field({}, description="Catalogues that cannot be served: name -> reason.")


class Item(BaseModel):
    id: int
    caption: str | None = None
    width: int
    height: int
    source: str = Field(description="File name or URL the image came from.")
    metadata: dict[str, str | int | float | bool | None] = {}


class ItemsResponse(BaseModel):
    items: list[Item] = Field(description="In the order of the ids asked for.")
    missing: list[int] = Field([], description="Ids asked for that are not in the catalogue.")


class Health(BaseModel):
    """What /livez and /readyz answer."""

    status: Literal["ok", "unavailable"]
    reasons: list[str] = Field([], description="Why the service cannot serve now; empty when it can.")


class ErrorDetail(BaseModel):
    code: str
    message: str
    field: str | None = None


class ErrorResponse(BaseModel):
    """The one shape of every error answer."""

    error: ErrorDetail
