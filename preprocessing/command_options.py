"""Command-line options that several commands share, and what they mean: recipe sections and ways to work."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from preprocessing.pool import default_workers
from preprocessing.source_options import filter_section, source_options, source_section

if TYPE_CHECKING:
    from preprocessing.recipe import ProjectionSection, Recipe
    from preprocessing.stages.embed import EmbedOptions
    from preprocessing.workplace import Workplace

Command = Callable[..., Any]
FOLDER = click.Path(path_type=Path)
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
MODELS_DIR = click.option(
    "--models-dir", type=FOLDER, default=Path("assets/models"), envvar="MODELS_DIR", show_default=True
)


def _with(options: Sequence[Callable[[Command], Command]], command: Command) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


def shared_options(command: Command) -> Command:
    """Where the data folder is, and how many workers there are."""
    options = [
        click.option("--data-dir", type=FOLDER, default=Path("data"), envvar="DATA_DIR", show_default=True),
        click.option("--workers", type=click.IntRange(1), default=default_workers(), show_default="all processors"),
    ]
    return _with(options, command)


def catalogue_options(command: Command) -> Command:
    """SOURCE and the filters, and the catalogue's name and title."""
    options = [
        source_options,
        click.option("--name", help="Name of the catalogue.  [default: the source's name]"),
        click.option("--title", help="Title that people see.  [default: the name]"),
    ]
    return _with(options, command)


def model_options(command: Command) -> Command:
    """Where models are, and how they are run."""
    options = [
        MODELS_DIR,
        click.option("--batch-size", type=click.IntRange(1, 65_536), default=64, show_default=True),
        click.option("--shard-size", type=click.IntRange(1), default=2_048, show_default=True, help="Images a shard."),
        click.option("--threads", type=click.IntRange(1), default=default_workers(), show_default="all processors"),
        click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, ...; auto: cuda if any."),
        click.option("--precision", type=click.Choice(PRECISIONS), default="auto", show_default=True),
    ]
    return cluster_options(_with(options, command))


def cluster_options(command: Command) -> Command:
    """Whether images are embedded here or on the nodes of a Ray cluster, and what a task takes there."""
    options = [
        click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True),
        click.option("--ray-address", default="auto", envvar="RAY_ADDRESS", show_default=True, help="HOST:PORT."),
        click.option("--task-cpus", type=click.IntRange(1), default=1, show_default=True, help="Processors a task."),
        click.option("--task-gpus", type=click.FloatRange(0), default=0.0, show_default=True, help="GPUs a task: 0.5."),
    ]
    return _with(options, command)


def projection_options(command: Command) -> Command:
    """Head, quantiser and rotation."""
    options = [
        click.option("--head", type=FOLDER, help="A head of train-head's.  [default: the model's, or a fitted one]"),
        click.option("--quantiser", type=click.Choice(["affine", "uniform", "equi-depth"]), help="[default: affine]"),
        click.option("--rotation", type=click.IntRange(0), help="Seed of a random rotation.  [default: none]"),
    ]
    return _with(options, command)


MODEL_HELP = "A folder below the models folder, local-dir:PATH, or open_clip's ARCHITECTURE/WEIGHTS."


def recipe_of(source: Path, work: Workplace, values: dict[str, Any]) -> Recipe:
    """The recipe that the options of ``build`` and ``filter`` describe."""
    from preprocessing.recipe import EmbeddingSection, Recipe

    return Recipe(
        title=values["title"] or work.name,
        examples=list(values.get("examples") or ()),
        source=source_section(source, values),
        filters=filter_section(values),
        embedding=EmbeddingSection(model=values.get("model") or "demo"),
        projection=projection_of(values),
    )


def projection_of(values: dict[str, Any], known: ProjectionSection | None = None) -> ProjectionSection:
    """The options of ``projection_options``, over the section that is ``known``."""
    from preprocessing.projection import check_head_folder
    from preprocessing.recipe import ProjectionSection

    given = {key: values[key] for key in ProjectionSection.model_fields if values.get(key) is not None}
    if "head" in given:
        given["head"] = check_head_folder(given["head"])
    return (known or ProjectionSection()).model_copy(update=given)


def embed_options(workers: int, values: dict[str, Any]) -> EmbedOptions:
    """The options of ``model_options``."""
    from preprocessing.stages.embed import EmbedOptions

    return EmbedOptions(workers=workers, **{key: values[key] for key in EmbedOptions._fields if key in values})


def name_of(source: Path, name: str | None) -> str:
    """The catalogue's name, else one made of the source's."""
    return name or re.sub(r"[^A-Za-z0-9._-]+", "-", source.resolve().name).strip("-._") or "images"
