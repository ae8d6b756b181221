"""What every part of a recipe is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of a recipe; a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
