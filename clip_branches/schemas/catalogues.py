"""Catalogues and their items."""

from __future__ import annotations

from pydantic import BaseModel, Field


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
