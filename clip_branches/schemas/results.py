"""Looking into an answer: its pages, its boxes, why an image is in it, what it changed."""

from __future__ import annotations

from pydantic import BaseModel, Field

from clip_branches.schemas.base import ModelName
from clip_branches.schemas.search import BoxRanges, BoxSummary, Hit


class ResultPage(BaseModel):
    """A stable page of an answer, or of the part of it for which conditions hold."""

    result_set: str
    total: int = Field(description="Images that the pages hold together.")
    of: int = Field(description="Images of the whole answer, without conditions.")
    offset: int
    hits: list[Hit]


class BoxesPage(BaseModel):
    """All boxes behind an answer, a page of them, and the answer as one condition."""

    result_set: str
    model: ModelName
    boxes_decide: bool = Field(description="False: a score decides, and the boxes only describe the answer.")
    need: int | None = Field(description="Branches that must hold an image, where boxes decide.")
    total: int = Field(description="Boxes in all.")
    offset: int
    boxes: list[BoxSummary]
    sql: str | None = Field(
        description="WHERE condition over columns f0 to f31 that selects exactly the images of the answer; null where "
        "SQL cannot say it. Sums are in REAL, from left to right."
    )


class WhyResponse(BaseModel):
    """Why one image is in an answer, or why not."""

    result_set: str
    id: int
    accepted: bool = Field(description="Whether the image is in the answer.")
    rank: int | None = Field(description="Its place in the answer, from 1; null when it is not in it.")
    total: int = Field(description="Images in the answer.")
    model: ModelName
    score: float = Field(description="The score that orders the answer.")
    cut: float | None = Field(description="Lowest score accepted, where a score decides.")
    votes: int | None = Field(description="Branches that hold the image, where boxes decide.")
    need: int | None = Field(description="Votes that are enough.")
    branches: int | None = Field(description="Branches that vote.")
    boxes_decide: bool = Field(description="False: a score decides, and the boxes only describe the answer.")
    boxes: list[BoxRanges] = Field(description="Every box that holds the image, those switched off included.")


class ChangeSide(BaseModel):
    total: int
    hits: list[Hit]


class ChangesResponse(BaseModel):
    """What an answer gained and lost against an earlier one."""

    result_set: str
    since: str
    came_in: ChangeSide
    went_out: ChangeSide
