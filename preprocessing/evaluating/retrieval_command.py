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
