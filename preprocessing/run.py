"""The command ``run``: everything that a recipe file says, in one go."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from preprocessing.pool import default_workers

if TYPE_CHECKING:
    from preprocessing.report import Summary


@click.command(help="Make the catalogue that the recipe file RECIPE (TOML or JSON) describes, or go on with it.")
@click.argument("file", metavar="RECIPE", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Only check the recipe, and say what it means.")
@click.option("--data-dir", type=click.Path(path_type=Path), default=Path("data"), envvar="DATA_DIR", show_default=True)
@click.option(
    "--models-dir",
    type=click.Path(path_type=Path),
    default=Path("assets/models"),
    envvar="MODELS_DIR",
    show_default=True,
)
def run(file: Path, check: bool, data_dir: Path, models_dir: Path) -> None:
    from preprocessing.recipe_file import read_recipe_file, recipe_text

    described = read_recipe_file(file)
    if check:
        click.echo(recipe_text(described.name, described.recipe()), nl=False)
        return
    from clip_branches.catalogue.storage import storage_errors
    from preprocessing.stages.build import build_catalogue, describe_catalogue
    from preprocessing.stages.embed import EmbedOptions
    from preprocessing.workplace import Workplace

    effort = described.effort
    options = EmbedOptions(
        models_dir=models_dir,
        workers=effort.workers or default_workers(),
        threads=effort.threads or default_workers(),
        batch_size=effort.batch_size,
        shard_size=effort.shard_size,
        device=effort.device,
        precision=effort.precision,
        engine=effort.engine,
        ray_address=effort.ray_address,
        task_cpus=effort.task_cpus,
        task_gpus=effort.task_gpus,
    )
    with storage_errors(f"Preprocessing {described.name!r}", data_dir), Workplace(data_dir, described.name) as work:
        recipe = described.recipe()
        fetching, pictures = described.download.options(), described.report.pictures
        report = build_catalogue(work, recipe, options, _say, fetching=fetching, pictures=pictures)
        click.echo(describe_catalogue(work.catalogue))
        click.echo(f"The report: {report}")


def _say(summary: Summary) -> None:
    for line in summary.lines():
        click.echo(line)
