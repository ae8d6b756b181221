"""What can be done with an answer: filter it, take all of it, check it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, StrictBool, StrictInt, model_validator

from clip_branches.schemas.base import MAX_LABELS, Id, RequestModel

MAX_CONDITIONS = 100
MAX_JUDGED = 1_000
MAX_EXPORTED = 1_000_000
MAX_GROUPS = 50

FileFormat = Literal["csv", "json", "parquet", "coco", "zip", "webdataset", "recipe"]
FILE_FORMAT = (
    "'csv': a line an image; 'json': images and recipe; 'parquet': columns; 'coco': images, categories, annotations; "
    "'zip': the images themselves; 'webdataset': likewise as a tar; 'recipe': how to get the answer again."
)

Condition = Annotated[str, Field(max_length=400)]
WHERE = (
    "Conditions on the catalogue's columns, 'column:value' each; 'column:' is an image without a value, and "
    "'column:low..high' a range of numbers, either end of which may be left out. Of several on one column one must "
    "hold, and every column's must."
)


class FacetValue(BaseModel):
    value: str = Field(description="As a condition writes it; empty: no value.")
    count: int = Field(description="Images of the answer with this value, other columns' conditions applied.")


class Facet(BaseModel):
    """What a column of the catalogue says of an answer."""

    name: str
    kind: Literal["values", "numbers"]
    values: list[FacetValue] = Field([], description="Most frequent first; those asked for are always there.")
    more: int = Field(0, description="Further values, not listed.")
    low: float | None = Field(None, description="Least number among the images counted.")
    high: float | None = Field(None, description="Greatest number among the images counted.")


class FacetsResponse(BaseModel):
    """The columns of a catalogue over an answer, with exact counts."""

    result_set: str
    total: int = Field(description="Images of the answer for which the conditions hold.")
    of: int = Field(description="Images of the whole answer.")
    columns: list[Facet]


class IdsResponse(BaseModel):
    """Every id of an answer, best first."""

    result_set: str
    total: int
    of: int = Field(description="Images of the whole answer.")
    ids: list[int]
    scores: list[float] | None = Field(None, description="Where asked for: the score of each.")
    votes: list[StrictInt] | None = Field(None, description="Where asked for, and branches voted: how many did.")


class CheckHit(BaseModel):
    id: int


class CheckPage(BaseModel):
    """Part of the random sample that an answer is checked with, in the order drawn.

    Images from inside and from outside the answer are mixed and not told apart, so that who judges them is not led.
    """

    result_set: str
    total: int = Field(description="Images in the sample.")
    offset: int
    hits: list[CheckHit]


class CheckRequest(RequestModel):
    """Judgements of the first images of the sample, in the order drawn."""

    judged: list[StrictBool] = Field(
        max_length=MAX_JUDGED, description="For each image of the sample whether it is right."
    )


class IntervalModel(BaseModel):
    low: float
    high: float
    estimate: float | None = Field(description="Null where nothing was sampled for it.")


class CheckResponse(BaseModel):
    """How complete and how clean an answer is; the intervals hold together, at every look, with 95 % confidence."""

    result_set: str
    recall: IntervalModel = Field(description="Share of all right images that the answer holds.")
    precision: IntervalModel = Field(description="Share of the answer that is right.")
    missing: IntervalModel = Field(description="Right images outside the answer.")
    inside_judged: int
    inside_right: int
    outside_judged: int
    outside_right: int
    outside: int = Field(description="Images outside the answer.")
    target: float = Field(description="The recall that 'more' is about.")
    more: int | None = Field(
        description="Further images to judge, should those from outside all be wrong, until the lower end of recall "
        "reaches the target. 0: it is there. Null: too many to be worth it."
    )


class CutStep(BaseModel):
    """What another cut would give."""

    cut: float
    total: int = Field(description="Images at or above it; below the answer's own cut an estimate from a sample.")
    exact: bool
    precision: float = Field(
        description="The share of them that is right, by the model's own estimate: the mean of 1 / (1 + exp(-score))."
    )


class CutsResponse(BaseModel):
    """Cuts around that of an answer, from strict to lenient."""

    result_set: str
    cut: float = Field(description="The answer's.")
    own: float = Field(description="The model's own, which holds when none is asked for.")
    steps: list[CutStep]


class ExportGroup(RequestModel):
    """What images of a file are images of: an answer, by name, with its labels."""

    name: str = Field(max_length=400)
    positive: list[Id] = Field([], max_length=MAX_LABELS)
    negative: list[Id] = Field([], max_length=MAX_LABELS)


class ExportRequest(RequestModel):
    """Images to make a file of, in their order, with what is known of them beside the catalogue."""

    format: FileFormat = Field("csv", description=FILE_FORMAT)
    name: str = Field("images", max_length=400, description="The file's name begins like it.")
    ids: list[Id] = Field(max_length=MAX_EXPORTED)
    scores: list[float] | None = Field(None, max_length=MAX_EXPORTED, description="One an image, or none.")
    votes: list[StrictInt] | None = Field(None, max_length=MAX_EXPORTED, description="One an image, or none.")
    groups: list[ExportGroup] = Field([], max_length=MAX_GROUPS)
    held: list[StrictInt] | None = Field(
        None, max_length=MAX_EXPORTED, description="For each image which groups hold it, as bits; without it, all do."
    )
    recipe: dict[str, Any] = Field({}, description="How to get the images again; written as it is.")

    @model_validator(mode="after")
    def _one_an_image(self) -> Self:
        for name in ("scores", "votes", "held"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.ids):
                raise ValueError(f"The '{name}' must be one an id: {len(self.ids)}. Got {len(column)} instead.")
        return self
