"""Response models of ways to look at an answer: a map of it, and its figures."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class MapResponse(BaseModel):
    """The images of an answer as points; images that look alike lie near each other."""

    result_set: str
    total: int = Field(description="Images of the part of the answer that was asked for.")
    grid: int = Field(description="x and y are whole numbers from 0 to this.")
    ids: list[int] = Field(description="The images shown, best first: all, or a sample spread evenly over the answer.")
    x: list[int]
    y: list[int]
    group: list[int] = Field(description="The group of points that each lies in; group 0 is the largest.")
    groups: int = Field(description="How many groups there are.")


class AlikeResponse(BaseModel):
    """Groups of near duplicates, as the catalogue's column 'alike' names them."""

    groups: list[list[int]] = Field(description="Ids of each group that an image asked for is in; two or more each.")


class FiguresValue(BaseModel):
    value: str = Field(description="Empty: no value.")
    count: int = Field(description="Images of the answer with this value.")
    of: int = Field(description="Images of the catalogue with it.")


class Bin(BaseModel):
    """A range of numbers, its upper end open but for the last."""

    low: float
    high: float
    count: int = Field(description="Images of the answer in it.")
    of: int | None = Field(None, description="Images of the catalogue in it; null for scores.")


class FiguresColumn(BaseModel):
    """A column of the catalogue over an answer, beside the catalogue as a whole."""

    name: str
    kind: Literal["values", "numbers"]
    values: list[FiguresValue] = Field([], description="Most frequent in the answer first.")
    more: int = Field(0, description="Further values in the answer, not listed.")
    bins: list[Bin] = Field([], description="Equal ranges from the catalogue's least number to its greatest.")


class FiguresResponse(BaseModel):
    """An answer in figures."""

    result_set: str
    total: int = Field(description="Images of the part of the answer that was asked for.")
    of: int = Field(description="Images of the catalogue.")
    scores: list[Bin]
    columns: list[FiguresColumn]
