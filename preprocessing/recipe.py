"""The recipe of a catalogue: what it is made of and how, a section for each step; its manifest keeps it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A part of a recipe; a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceSection(Section):
    """Where the images come from."""

    kind: Annotated[Literal["folder"], Field(description="What kind of collection it is.")] = "folder"
    path: Annotated[Path, Field(description="Folder of the images.")]
    captions: Annotated[Path | None, Field(description="CSV, TSV or Parquet file of captions and metadata.")] = None
    max_images: Annotated[int | None, Field(ge=1, description="Only the first so many files by path.")] = None


class FilterSection(Section):
    """Which images are kept."""

    min_size: Annotated[int, Field(ge=1, description="Shortest side of an image that is kept, in pixels.")] = 32


class EmbeddingSection(Section):
    """What turns an image into an embedding."""

    model: Annotated[
        str,
        Field(min_length=1, description="Folder below the models folder, local-dir:PATH, or ARCHITECTURE/WEIGHTS."),
    ] = "demo"


class ProjectionSection(Section):
    """What turns an embedding into a code."""


class Recipe(Section):
    """How a catalogue is made. Paths are absolute here; in a recipe file they are relative to that file."""

    title: Annotated[str, Field(description="Title that people see.")]
    examples: Annotated[list[str], Field(description="Queries worth trying; taken from the captions when empty.")] = []
    source: SourceSection
    filters: FilterSection = FilterSection()
    embedding: EmbeddingSection = EmbeddingSection()
    projection: ProjectionSection = ProjectionSection()

    def with_model(self, model: str) -> Recipe:
        """This recipe with another model."""
        return self.model_copy(update={"embedding": self.embedding.model_copy(update={"model": model})})
