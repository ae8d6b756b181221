"""The command line: ``python -m preprocessing <stage>``. Stages are imported when they run, so that help is quick."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from preprocessing.command_options import (
    MODEL_HELP,
    MODELS_DIR,
    catalogue_options,
    embed_options,
    model_options,
    name_of,
    projection_of,
    projection_options,
    recipe_of,
    shared_options,
)
from preprocessing.lazy import LazyGroup
from preprocessing.source_options import download_options, fetching_options, how_to_download, source_section

if TYPE_CHECKING:
    from preprocessing.report import Summary
    from preprocessing.workplace import Workplace

_GROWING = "preprocessing.growing.commands"
_LAZY = {
    "run": ("preprocessing.run:run", "Make a catalogue by a recipe file, TOML or JSON."),
    "add": (f"{_GROWING}:add", "Append what is new in a catalogue's source."),
    "delete": (f"{_GROWING}:delete", "Delete images from a catalogue."),
    "compact": (f"{_GROWING}:compact", "Merge a catalogue's segments, without what was deleted."),
    "verify": (f"{_GROWING}:verify", "Check every file of a catalogue."),
    "info": (f"{_GROWING}:info", "Say what a catalogue holds."),
    "export": (f"{_GROWING}:export", "Write a catalogue as Parquet, CSV, webdataset or clip-retrieval."),
    "train-head": (
        "preprocessing.heads.command:train_head_command",
        "Train a projection head on pairs of embeddings.",
    ),
    "import-head": (
        "preprocessing.heads.command:import_head_command",
        "Take over a head in the layout of the published weights.",
    ),
    "evaluate": (
        "preprocessing.evaluating.command:evaluate",
        "Measure a model by a published evaluation: CIRR, FashionIQ, GPR1200.",
    ),
    "train-combiner": (
        "preprocessing.composing.command:train_combiner_command",
        "Train a Combiner on triplets: reference, caption, target.",
    ),
    "train-towers": (
        "preprocessing.composing.command:train_towers_command",
        "Fine-tune a model's towers for images and words that change them.",
    ),
    "train-inversion": (
        "preprocessing.composing.command:train_inversion_command",
        "Train a textual inversion on captions alone.",
    ),
    "train-demo-composing": (
        "preprocessing.composing.command:train_demo_composing_command",
        "Train and measure the demo model's composing networks.",
    ),
    "train-retrieval": (
        "preprocessing.retrieval.command:train_retrieval_command",
        "Train a CLIP to find images better: MCIP, GPR-FT, Re-A.",
    ),
    "train-demo-retrieval": (
        "preprocessing.retrieval.command:train_demo_retrieval_command",
        "Train the demo model for retrieval, and compare it with itself.",
    ),
    "train-demo-model": (
        "preprocessing.demo_model.command:train_demo_model_command",
        "Train the small CLIP that the demo uses.",
    ),
    "evaluate-demo-model": (
        "preprocessing.demo_model.command:evaluate_demo_model_command",
        "Measure the demo model on scenes of unseen seeds.",
    ),
}


@click.group(cls=LazyGroup, lazy=_LAZY, help="Turn a collection of images into a catalogue that can be searched.")
def main() -> None:
    # What is odd about an image becomes a row with a reason; Pillow need not say it again.
    warnings.filterwarnings("ignore", module="PIL")
    # What a model hub retries and fails at reaches the user once, as the error it ends in.
    logging.getLogger().addHandler(logging.NullHandler())
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)


@main.command(help="Make the demo's pictures and build the catalogue 'demo' of them.")
@click.option("--count", type=click.IntRange(1), default=6_000, show_default=True, help="Number of pictures.")
@click.option("--seed", type=click.IntRange(0, 999), default=0, show_default=True, help="Which set of pictures.")
@click.option("--name", default="demo", show_default=True)
@click.option("--model", default="demo", show_default=True, help=MODEL_HELP)
@model_options
@shared_options
def demo(count: int, seed: int, name: str, model: str, data_dir: Path, workers: int, **how: Any) -> None:
    from clip_branches.encoding.fingerprint import check_model
    from preprocessing.stages.build import build_catalogue
    from preprocessing.stages.demo_catalogue import demo_recipe, make_demo_source

    with _workplace(data_dir, name) as work:
        folder = data_dir / "sources" / name
        check_model(model, how["models_dir"])
        _say(make_demo_source(folder, count=count, seed=seed, workers=workers))
        report = build_catalogue(work, demo_recipe(folder, model), embed_options(workers, how), _say)
        _say_catalogue(work, report)


@main.command(help="Build a catalogue from the images of SOURCE: fetch, filter, embed and index.")
@catalogue_options
@click.option("--model", default="demo", show_default=True, help=MODEL_HELP)
@click.option("--example", "examples", multiple=True, help="A query worth trying; may be given several times.")
@download_options
@projection_options
@model_options
@shared_options
def build(source: Path, data_dir: Path, workers: int, **values: Any) -> None:
    from preprocessing.stages.build import build_catalogue

    with _workplace(data_dir, name_of(source, values["name"])) as work:
        recipe, how = recipe_of(source, work, values), embed_options(workers, values)
        report = build_catalogue(work, recipe, how, _say, fetching=how_to_download(values))
        _say_catalogue(work, report)


@main.command(help="Fetch the images that SOURCE, a table of addresses or Unsplash's data set, names.")
@fetching_options
@click.option("--name", help="Name of the catalogue.  [default: the source's name]")
@download_options
@shared_options
def download(source: Path, data_dir: Path, workers: int, **values: Any) -> None:
    from preprocessing.stages.download import download_source

    with _workplace(data_dir, name_of(source, values["name"])) as work:
        section = source_section(source, values)
        summary = download_source(work, section, how_to_download(values))
        if summary is None:
            click.echo(f"The images of {source} are at hand: a source of the kind {section.kind} needs no download.")
        _say(summary)


@main.command("filter", help="Check every image of SOURCE and keep those that can be used.")
@catalogue_options
@shared_options
def filter_command(source: Path, data_dir: Path, workers: int, **values: Any) -> None:
    from preprocessing.stages.filter import filter_images

    with _workplace(data_dir, name_of(source, values["name"])) as work:
        _say(filter_images(work, recipe_of(source, work, values), workers=workers))


@main.command(help="Embed the images that 'filter' kept.")
@click.option("--name", required=True, help="Name of the catalogue.")
@click.option("--model", help=f"{MODEL_HELP}  [default: the one used before, else demo]")
@model_options
@shared_options
def embed(name: str, model: str | None, data_dir: Path, workers: int, **how: Any) -> None:
    from preprocessing.stages.embed import embed_images

    with _workplace(data_dir, name) as work:
        _say(embed_images(work, work.load_recipe(model=model), embed_options(workers, how)))


@main.command(help="Drop what looks like a text, such as a watermark, told by the embeddings.")
@click.option("--name", required=True, help="Name of the catalogue.")
@click.option("--drop-text", "texts", multiple=True, help="Such as watermark; several times.  [default: those before]")
@click.option("--text-threshold", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="Probability.")
@model_options
@shared_options
def screen(
    name: str, texts: tuple[str, ...], text_threshold: float | None, data_dir: Path, workers: int, **how: Any
) -> None:
    from preprocessing.stages.screen import screen_images

    with _workplace(data_dir, name) as work:
        recipe = work.load_recipe()
        given = {"texts": list(texts) or None, "text_threshold": text_threshold}
        filters = recipe.filters.model_copy(update={key: value for key, value in given.items() if value is not None})
        recipe = recipe.model_copy(update={"filters": filters})
        summary = screen_images(work, recipe, embed_options(workers, how))
        if summary is None:
            click.echo("No text was named: give one with --drop-text.")
        _say(summary)


@main.command(help="Build the box index of what 'embed' embedded, and commit the catalogue.")
@click.option("--name", required=True, help="Name of the catalogue.")
@click.option("--title", help="Title that people see.")
@click.option("--example", "examples", multiple=True, help="A query worth trying; may be given several times.")
@projection_options
@MODELS_DIR
@shared_options
def index(
    name: str,
    title: str | None,
    examples: tuple[str, ...],
    models_dir: Path,
    data_dir: Path,
    workers: int,
    **projection: Any,
) -> None:
    from preprocessing.stages.index import index_images

    with _workplace(data_dir, name) as work:
        recipe = work.load_recipe(title=title, examples=list(examples) or None)
        recipe = recipe.model_copy(update={"projection": projection_of(projection, recipe.projection)})
        _say(index_images(work, recipe, models_dir))
        _say_catalogue(work)


@contextlib.contextmanager
def _workplace(data_dir: Path, name: str) -> Iterator[Workplace]:
    from clip_branches.catalogue.storage import storage_errors
    from preprocessing.workplace import Workplace

    with storage_errors(f"Preprocessing {name!r}", data_dir), Workplace(data_dir, name) as work:
        yield work


def _say(summary: Summary | None) -> None:
    for line in summary.lines() if summary else ():
        click.echo(line)


def _say_catalogue(work: Workplace, report: Path | None = None) -> None:
    from preprocessing.stages.build import describe_catalogue

    click.echo(describe_catalogue(work.catalogue))
    if report is not None:
        click.echo(f"The report: {report}")
