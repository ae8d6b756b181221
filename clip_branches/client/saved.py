"""Searches that are saved on the page, as the client reads them: what its service tells besides is left out."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from clip_branches.schemas import RequestModel


class Saved(BaseModel):
    """A saved search."""

    id: str
    version: int
    name: str
    notes: str
    catalogue: str
    total: int = Field(description="Images of the answer as it was saved.")
    generation: int = Field(description="Generation of the catalogue that answered.")
    model: str
    result_set: str
    asked: dict[str, Any] = Field(description="What was asked, in parts.")
    address: str = Field(description="Opens it on the page: '/' and this.")


class SavedList(BaseModel):
    """What the page's service lists."""

    searches: list[Saved]


class SaveRequest(RequestModel):
    """An answer to be saved under a name."""

    name: str
    notes: str
    catalogue: str
    result_set: str
    where: list[str]
