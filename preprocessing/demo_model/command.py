"""Commands of the demo model, registered by ``python -m preprocessing``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click

from preprocessing.demo_model.config import TrainingConfig

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command("train-demo-model")
@click.option("--output", type=_FOLDER, default=Path("assets/models/demo"), show_default=True, help="Model folder.")
@click.option("--work", type=_FOLDER, default=Path("data/training"), show_default=True, help="Keeps drawn scenes.")
@click.option("--scenes", type=click.IntRange(min=500), default=TrainingConfig.scenes, show_default=True)
@click.option("--epochs", type=click.IntRange(min=1), default=TrainingConfig.epochs, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=TrainingConfig.seed, show_default=True)
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True, help="Training processes.")
@click.option("--heads-only", is_flag=True, help="Train the heads alone, on the towers of an earlier run in --work.")
def train_demo_model_command(
    output: Path, work: Path, scenes: int, epochs: int, seed: int, workers: int, heads_only: bool
) -> None:
    """Train the small CLIP of the demo from scratch on drawn scenes, and measure it."""
    from preprocessing.demo_model.run import train_demo_model

    config = replace(TrainingConfig(), scenes=scenes, epochs=epochs, seed=seed)
    figures = train_demo_model(config, output, work=work, workers=workers, heads_only=heads_only)
    click.echo(json.dumps(figures, indent=2))


@click.command("evaluate-demo-model")
@click.option("--model", "folder", type=_FOLDER, default=Path("assets/models/demo"), show_default=True)
@click.option("--images", type=click.IntRange(min=500), default=2_000, show_default=True, help="Unseen scenes.")
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True)
def evaluate_demo_model_command(folder: Path, images: int, threads: int) -> None:
    """Measure a model on unseen scenes; rewrites its evaluation.json and its card."""
    from preprocessing.demo_model.run import evaluate_demo_model

    click.echo(json.dumps(evaluate_demo_model(folder, images=images, threads=threads), indent=2))
