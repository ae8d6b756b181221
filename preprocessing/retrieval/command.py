"""Commands that train retrieval-optimised models, registered by ``python -m preprocessing``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

_PATH = click.Path(path_type=Path)
_MODELS_DIR = click.option(
    "--models-dir", type=_PATH, default=Path("assets/models"), envvar="MODELS_DIR", show_default=True
)


@click.command("train-retrieval")
@click.argument("folder", type=_PATH)
@click.option("--method", type=click.Choice(["mcip", "gpr-ft", "re-a"]), default="mcip", show_default=True)
@click.option("--output", type=_PATH, required=True, help="Folder for the model, its log and what goes on.")
@click.option("--table", type=_PATH, help="Columns filename, caption, class.  [default: captions.csv in FOLDER]")
@click.option("--caption-list", type=_PATH, help="Text file, one a line, to choose pseudo-captions from (mcip).")
@click.option("--config", "config_file", type=_PATH, help="JSON file of settings; options beside it win.")
@click.option("--epochs", type=click.IntRange(1))
@click.option("--batch-size", type=click.IntRange(2))
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True))
@click.option("--model", required=True, help="The model to begin from: any that open_clip builds, or a folder.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, ...; auto: cuda if any.")
@click.option("--precision", type=click.Choice(["auto", "fp32", "bf16"]), default="auto", show_default=True)
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Decode images ahead.")
@_MODELS_DIR
def train_retrieval_command(
    folder: Path, method: str, output: Path, table: Path | None, caption_list: Path | None, **how: Any
) -> None:
    """Train a CLIP to find images better, on FOLDER with classes and captions.

    mcip trains the image tower on both, gpr-ft on classes alone; re-a trains the text tower on captions, against images
    as they are (gpr-ft and then re-a is 2SFT). The output loads as --model local-dir:OUTPUT.
    """
    from preprocessing.devices import choose_device
    from preprocessing.evaluating.labelled import read_labelled
    from preprocessing.retrieval.captions import read_caption_list
    from preprocessing.retrieval.config import ImageConfig, TextConfig
    from preprocessing.retrieval.run import before_and_after, train_retrieval

    kind = TextConfig if method == "re-a" else ImageConfig
    config = kind() if how["config_file"] is None else kind.load(how["config_file"])
    given = {name: how[name] for name in ("epochs", "batch_size", "learning_rate") if how[name] is not None}
    device = choose_device(how["device"])
    precision = how["precision"]
    if precision == "auto":  # float16 would need its losses scaled
        precision = "bf16" if device.type == "cuda" else "fp32"
    report = train_retrieval(
        read_labelled(folder, table),
        method,  # type: ignore[arg-type]
        kind.model_validate({**config.model_dump(), **given}),
        output,
        model=how["model"],
        models_dir=how["models_dir"],
        caption_list=None if caption_list is None else read_caption_list(caption_list),
        device=str(device),
        precision=precision,
        workers=how["workers"],
        say=lambda line: click.echo(line, err=True),
    )
    click.echo(f"train-retrieval: {before_and_after(report)}; written to {output}")


@click.command("train-demo-retrieval")
@click.option("--output", type=_PATH, default=Path("data/retrieval"), show_default=True, help="Model and figures.")
@click.option("--work", type=_PATH, default=Path("data/training/retrieval"), show_default=True, help="Keeps scenes.")
@click.option("--each", type=click.IntRange(2), default=12, show_default=True, help="Scenes of a class to train on.")
@click.option("--test-each", type=click.IntRange(2), default=10, show_default=True, help="Scenes of a class to test.")
@click.option("--model", default="demo", show_default=True, help="The model to begin from.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True)
@_MODELS_DIR
def train_demo_retrieval_command(output: Path, work: Path, **how: Any) -> None:
    """Train the demo model for retrieval on drawn scenes, and compare it with itself on scenes of unseen seeds."""
    from preprocessing.retrieval.demo import train_demo_retrieval

    click.echo(train_demo_retrieval(output, work, **how, say=lambda line: click.echo(line, err=True)))
