"""Commands of the heads, registered by ``python -m preprocessing``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from clip_branches.errors import ConfigurationError
from preprocessing.heads.config import PUBLISHED_HIDDEN, HeadConfig

_PATH = click.Path(path_type=Path)


@click.command("train-head")
@click.argument("pairs")
@click.option("--output", type=_PATH, required=True, help="Folder for the head, its quantiser and its report.")
@click.option("--config", "config_file", type=_PATH, help="JSON file of settings; options given beside it win.")
@click.option("--hidden", multiple=True, type=click.IntRange(1), help="Width of a hidden layer; repeat it for more.")
@click.option("--published", is_flag=True, help="Hidden layers of the published heads: 8192, 8192.")
@click.option("--distance", type=click.Choice(["cosine", "euclidean"]))
@click.option("--koleo", type=click.FloatRange(0), help="Weight of KoLeo, which spreads the vectors.")
@click.option("--mmd", type=click.FloatRange(0), help="Weight of MMD, which draws images and texts together.")
@click.option("--epochs", type=click.IntRange(0))
@click.option("--batch-size", type=click.IntRange(2))
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True))
@click.option("--precision", type=click.Choice(["fp32", "bf16"]), help="Of the layers' products.")
@click.option("--seed", type=click.IntRange(0))
@click.option("--folds", type=click.IntRange(0), default=0, show_default=True, help="Cross-validate the report.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, ...; auto: cuda if any.")
@click.option("--model", help="The model that made the embeddings of a file or folder, to be noted in the head.")
@click.option("--models-dir", type=_PATH, default=Path("assets/models"), envvar="MODELS_DIR", show_default=True)
@click.option("--data-dir", type=_PATH, default=Path("data"), envvar="DATA_DIR", show_default=True)
def train_head_command(pairs: str, output: Path, config_file: Path | None, published: bool, **values: Any) -> None:
    """Train a projection head on PAIRS of embeddings, without any image.

    PAIRS is the name of a catalogue with captions, a .npz file with image_emb and text_emb, or a folder with img_emb/
    and text_emb/ as clip-retrieval writes it.
    """
    from clip_branches.catalogue.storage import storage_errors
    from preprocessing.devices import choose_device
    from preprocessing.heads.run import train_head

    if published:
        values["hidden"] = PUBLISHED_HIDDEN
    config = HeadConfig() if config_file is None else HeadConfig.load(config_file)
    given = {key: values[key] for key in HeadConfig.model_fields if values.get(key) not in (None, ())}
    config = HeadConfig.model_validate({**config.model_dump(), **given})
    device = choose_device(values["device"])
    found = _pairs(pairs, values["model"], values["models_dir"], values["data_dir"])
    with storage_errors("Training the head", output):
        train_head(
            found, config, output, folds=values["folds"], device=device, say=lambda line: click.echo(line, err=True)
        )
    click.echo((output / "report.md").read_text(encoding="utf-8"))


@click.command("import-head")
@click.argument("weights", type=_PATH)
@click.option("--output", type=_PATH, required=True, help="Folder for the head.")
@click.option("--model", help="The model whose embeddings the head takes, to be noted in it.")
@click.option("--models-dir", type=_PATH, default=Path("assets/models"), envvar="MODELS_DIR", show_default=True)
def import_head_command(weights: Path, output: Path, model: str | None, models_dir: Path) -> None:
    """Take over the heads in WEIGHTS: head_vis.* and head_text.*, as the published weights hold them."""
    from clip_branches.catalogue.storage import storage_errors
    from preprocessing.heads.published import import_published
    from preprocessing.towers import fingerprint_of_model

    head = import_published(weights).trained_on(fingerprint_of_model(model, models_dir) if model else None)
    with storage_errors("Importing the head", output):
        head.save(output)
    click.echo(f"import-head: {head.input_dim} to {head.output_dim} dimensions, written to {output}")


def _pairs(name: str, model: str | None, models_dir: Path, data_dir: Path) -> Any:
    from clip_branches.catalogue import Catalogue, list_catalogues
    from preprocessing.heads.pairs import catalogue_pairs, load_pairs
    from preprocessing.towers import fingerprint_of_model

    if name in list_catalogues(data_dir / "catalogues"):
        if model is not None:
            raise ConfigurationError("The 'model' of a catalogue's pairs is the catalogue's own. Leave --model away.")
        return catalogue_pairs(Catalogue.open(data_dir / "catalogues" / name, verify=True), models_dir)
    found = load_pairs(Path(name))
    return found if model is None else found.made_by(model, fingerprint_of_model(model, models_dir))
