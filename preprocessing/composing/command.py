"""Commands that train what composes an image and words, registered by ``python -m preprocessing``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np

from clip_branches.errors import ConfigurationError
from preprocessing.composing.config import CombinerConfig, InversionConfig, TowersConfig

_PATH = click.Path(path_type=Path)
_MODEL = click.option("--model", default="demo", show_default=True, help="The model whose vectors are composed.")
_MODELS_DIR = click.option(
    "--models-dir", type=_PATH, default=Path("assets/models"), envvar="MODELS_DIR", show_default=True
)
_CONFIG = click.option("--config", "config_file", type=_PATH, help="JSON file of settings; options beside it win.")
_OUTPUT = click.option("--output", type=_PATH, required=True, help="Folder for the network, its log and what goes on.")


@click.command("train-combiner")
@click.argument("triplets", type=_PATH)
@click.option("--images", type=_PATH, help="Folder of the images, by name.")
@click.option("--embeddings", type=_PATH, help=".npz with names, images and maybe texts, one row a triplet.")
@click.option("--published-layout", is_flag=True, help="Write combiner.pt as CLIP4Cir's checkpoints, too.")
@click.option("--raw", is_flag=True, help="Take vectors as the towers give them, as published, not at length 1.")
@click.option("--epochs", type=click.IntRange(1))
@click.option("--batch-size", type=click.IntRange(2))
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True))
@_CONFIG
@_OUTPUT
@_MODEL
@_MODELS_DIR
def train_combiner_command(triplets: Path, output: Path, raw: bool, published_layout: bool, **how: Any) -> None:
    """Train a Combiner on TRIPLETS: a JSON list of reference, caption and target, as CIRR's or FashionIQ's."""
    from clip_branches.composing.methods import COMBINER_FILE
    from clip_branches.composing.towers import raw_texts
    from clip_branches.encoding import Encoder
    from preprocessing.composing.training_combiner import train_combiner
    from preprocessing.composing.triplets import named_triplets, read_triplet_names
    from preprocessing.evaluating.vectors import embed_named, read_vectors

    if (how["images"] is None) == (how["embeddings"] is None):
        raise ConfigurationError("train-combiner needs either --images or --embeddings. Give one of them.")
    config = _config(CombinerConfig, how)
    names = read_triplet_names(triplets)
    named = None if how["embeddings"] is None else read_vectors(how["embeddings"])
    texts = None if named is None else named.texts
    if named is None or texts is None:
        encoder = Encoder.load(how["model"], models_dir=how["models_dir"], threads=None)
        said = [caption for _, caption, _ in names]
        texts = raw_texts(encoder, said) if raw else encoder.embed_texts(said)
        if named is None:
            paths = {name: name for one, _, other in names for name in (one, other)}
            named = embed_named(encoder, how["images"], paths, raw=raw, pad=raw)
    made = named_triplets(names, named.names, named.images, texts)
    network, progress = train_combiner(made, config, output, raw=raw, say=click.echo)
    network.save(output / COMBINER_FILE)
    if published_layout:
        network.save_published(output / "combiner.pt", progress.best_epoch)
    click.echo(f"train-combiner: best after epoch {progress.best_epoch}, written to {output / COMBINER_FILE}")


@click.command("train-towers")
@click.argument("triplets", type=_PATH)
@click.option("--images", type=_PATH, required=True, help="Folder of the images, by name.")
@click.option("--towers", type=click.Choice(["both", "image", "text"]), help="Which are trained.  [default: both]")
@click.option("--epochs", type=click.IntRange(1))
@click.option("--batch-size", type=click.IntRange(2))
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True))
@_CONFIG
@_OUTPUT
@_MODEL
@_MODELS_DIR
def train_towers_command(triplets: Path, images: Path, output: Path, towers: str | None, **how: Any) -> None:
    """Fine-tune both towers on TRIPLETS so that their sum finds the target: CLIP4Cir's first stage."""
    from clip_branches.encoding import Encoder
    from preprocessing.composing.training_towers import save_towers, train_towers
    from preprocessing.composing.triplets import read_triplet_names
    from preprocessing.evaluating.vectors import image_files

    config = _config(TowersConfig, how)
    config = config if towers is None else config.model_copy(update={"towers": towers})
    names = read_triplet_names(triplets)
    files = image_files(images, {name: name for one, _, other in names for name in (one, other)})
    encoder = Encoder.load(how["model"], models_dir=how["models_dir"], threads=None)
    progress = train_towers(names, files, encoder, config, output, say=click.echo)
    save_towers(encoder, output / "clip.pt", progress.best_epoch)
    click.echo(f"train-towers: best after epoch {progress.best_epoch}, written to {output / 'clip.pt'}")


@click.command("train-inversion")
@click.argument("captions", type=_PATH)
@click.option("--epochs", type=click.IntRange(1))
@click.option("--batch-size", type=click.IntRange(2))
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True))
@click.option("--embeddings", type=_PATH, help=".npz of any images: their mean bridges the gap between modalities.")
@_CONFIG
@_OUTPUT
@_MODEL
@_MODELS_DIR
def train_inversion_command(captions: Path, output: Path, **how: Any) -> None:
    """Train a textual inversion on CAPTIONS alone: a text file, one caption a line."""
    from clip_branches.composing.methods import INVERSION_FILE
    from clip_branches.composing.sums import unit
    from clip_branches.encoding import Encoder
    from preprocessing.composing.training_inversion import train_inversion
    from preprocessing.evaluating.vectors import read_vectors

    config = _config(InversionConfig, how)
    try:
        lines = captions.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{captions} must be a readable text file, one caption a line: {error}") from error
    encoder = Encoder.load(how["model"], models_dir=how["models_dir"], threads=None)
    gap = None
    if how["embeddings"] is not None:
        images = unit(read_vectors(how["embeddings"]).images)
        gap = np.mean(encoder.embed_texts(lines[:10_000]), axis=0) - images.mean(axis=0)
    network, progress = train_inversion(lines, encoder, config, output, gap=gap, say=click.echo)
    network.save(output / INVERSION_FILE)
    click.echo(f"train-inversion: best after epoch {progress.best_epoch}, written to {output / INVERSION_FILE}")


@click.command("train-demo-composing")
@click.option("--model", "folder", type=_PATH, default=Path("assets/models/demo"), show_default=True)
@click.option("--work", type=_PATH, default=Path("data/training"), show_default=True, help="Keeps drawn groups.")
@click.option("--groups", type=click.IntRange(20), default=3_500, show_default=True, help="Groups of six scenes.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True)
@click.option("--evaluate-only", is_flag=True, help="Measure the networks that are there.")
def train_demo_composing_command(folder: Path, work: Path, groups: int, workers: int, evaluate_only: bool) -> None:
    """Train the demo model's Combiner and inversion on generated triplets, and measure every method."""
    from preprocessing.composing.demo import train_for_demo
    from preprocessing.composing.evaluation import evaluate_demo_composing
    from preprocessing.composing.tuning import tune_inversion

    if not evaluate_only:
        train_for_demo(folder, work, groups=groups, workers=workers, say=click.echo)
        tune_inversion(folder, work, workers=workers, say=click.echo)
    click.echo(evaluate_demo_composing(folder, work, workers=workers))


def _config(kind: Any, how: dict[str, Any]) -> Any:
    config = kind() if how["config_file"] is None else kind.load(how["config_file"])
    given = {name: how[name] for name in ("epochs", "batch_size", "learning_rate") if how.get(name) is not None}
    return config.model_copy(update=given)
