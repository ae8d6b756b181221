"""``evaluate gpr1200`` and ``evaluate models``: how well models find images, side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from clip_branches.errors import ConfigurationError

_PATH = click.Path(path_type=Path)


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.option("--models-dir", type=_PATH, default=Path("assets/models"), envvar="MODELS_DIR", show_default=True),
        click.option("--output", type=_PATH, help="Folder for the figures: JSON, Markdown and a plot."),
        click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, ...; auto: cuda if any."),
        click.option("--precision", default="auto", show_default=True, help="fp32, bf16, fp16 or auto."),
        click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Decode images ahead."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command("gpr1200")
@click.option("--images", type=_PATH, help="Folder of the data set: <category>_<name>.jpg, 12,000 of them.")
@click.option("--model", "models", multiple=True, help="Embeds the images; give several to compare them.")
@click.option("--embeddings", multiple=True, type=_PATH, help=".npy of (12000, d), a row an image in its order.")
@click.option("--rankings", multiple=True, type=_PATH, help=".npy of (12000, 12000): full rankings, a row an image.")
@_options
def gpr1200(
    images: Path | None,
    models: tuple[str, ...],
    embeddings: tuple[Path, ...],
    rankings: tuple[Path, ...],
    output: Path | None,
    **how: Any,
) -> None:
    """Image-to-image retrieval on GPR1200: full mean average precision, over all and in each domain."""
    from preprocessing.evaluating.comparison import comparison_table, keep_comparison
    from preprocessing.evaluating.gpr1200 import (
        gpr1200_of_embeddings,
        gpr1200_of_rankings,
        gpr1200_of_vectors,
        list_gpr1200,
    )

    if not (models or embeddings or rankings):
        raise ConfigurationError("evaluate gpr1200 needs --model, --embeddings or --rankings. Give at least one.")
    if bool(models) != (images is not None):
        raise ConfigurationError("evaluate gpr1200 needs --images with --model, and only then.")
    files = [] if images is None else list_gpr1200(images)
    figures = {str(path): gpr1200_of_embeddings(path) for path in embeddings}
    figures |= {str(path): gpr1200_of_rankings(path) for path in rankings}
    for model in models:
        figures[model] = gpr1200_of_vectors(_embedded(model, images or Path(), files, how))
    click.echo("GPR1200: mean average precision of 12,000 images")
    click.echo(comparison_table(figures))
    if output is not None:
        keep_comparison(output, "GPR1200", figures, {"protocol": "GPR1200", "images": len(files) or None})
        click.echo(f"Figures and plot: {output}")


def _embedded(model: str, folder: Path, files: list[str], how: dict[str, Any]) -> Any:
    from preprocessing.evaluating.embedding import embed_files
    from preprocessing.towers import load_towers

    towers = load_towers(model, how["models_dir"], how["device"], how["precision"])
    return embed_files(towers, folder, files, model, workers=how["workers"])


@click.command("models")
@click.argument("folder", type=_PATH)
@click.option("--model", "models", multiple=True, required=True, help="Give two to see what the second does better.")
@click.option("--table", type=_PATH, help="Columns filename, caption, class.  [default: captions.csv in FOLDER]")
@click.option("--class-names", type=_PATH, help="JSON object: class and what it is called in a text.")
@click.option("--template", "templates", multiple=True, help="Such as 'a photo of a {}.'  [default: seven of CLIP's]")
@_options
def models_command(
    folder: Path,
    models: tuple[str, ...],
    table: Path | None,
    class_names: Path | None,
    templates: tuple[str, ...],
    output: Path | None,
    **how: Any,
) -> None:
    """Image search, k-NN, zero-shot and text search of models side by side, on FOLDER with classes and captions."""
    from preprocessing.evaluating.comparison import comparison_table, keep_comparison
    from preprocessing.evaluating.labelled import read_labelled
    from preprocessing.evaluating.models import checked_templates, evaluate_model, read_class_names

    data = read_labelled(folder, table)
    names = read_class_names(class_names, data.names)
    wordings = checked_templates(templates)
    models_dir = how.pop("models_dir")
    figures = {model: evaluate_model(model, models_dir, data, names, wordings, **how) for model in models}
    captions = sum(len(one) for one in data.captions)
    told = {"images": len(data), "classes": len(data.names), "captions": captions, "templates": list(wordings)}
    click.echo(f"{folder}: {len(data):,} images of {len(data.names):,} classes, {captions:,} captions")
    click.echo(comparison_table(figures))
    if not names:
        click.echo("The classes are numbers: zero-shot classification needs what they are called (--class-names).")
    if output is not None:
        keep_comparison(output, f"Models on {folder.name}", figures, told)
        click.echo(f"Figures and plot: {output}")
