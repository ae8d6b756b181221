"""The recipe of a catalogue: what it is made of and how, a section for each step; its manifest keeps it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from preprocessing.filters.options import FilterSection
from preprocessing.section import Section
from preprocessing.sources.options import SourceSection


class EmbeddingSection(Section):
    """What turns an image into an embedding."""

    model: Annotated[
        str,
        Field(min_length=1, description="Folder below the models folder, local-dir:PATH, or ARCHITECTURE/WEIGHTS."),
    ] = "demo"


class ProjectionSection(Section):
    """What turns an embedding into a code."""

    head: Annotated[
        Path | None, Field(description="Folder of a head of train-head's; without it the model's own, or a fitted one.")
    ] = None
    quantiser: Annotated[
        Literal["affine", "uniform", "equi-depth"], Field(description="How a coordinate becomes a byte.")
    ] = "affine"
    rotation: Annotated[
        int | None, Field(ge=0, description="Seed of a random rotation of the vectors; none without it.")
    ] = None


class Recipe(Section):
    """How a catalogue is made. Paths are absolute here; in a recipe file they are relative to that file."""

    title: Annotated[str, Field(description="Title that people see.")]
    examples: Annotated[
        list[str], Field(default_factory=list, description="Queries worth trying; taken from the captions when empty.")
    ]
    source: SourceSection
    filters: FilterSection = Field(default_factory=lambda: FilterSection(languages=[], texts=[]))
    embedding: EmbeddingSection = EmbeddingSection()
    projection: ProjectionSection = ProjectionSection()

    def with_model(self, model: str) -> Recipe:
        """This recipe with another model."""
        return self.model_copy(update={"embedding": self.embedding.model_copy(update={"model": model})})
