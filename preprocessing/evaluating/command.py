"""``python -m preprocessing evaluate ...``: published evaluations as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import numpy.typing as npt

from clip_branches.errors import ConfigurationError
from preprocessing.lazy import LazyGroup

if TYPE_CHECKING:
    from preprocessing.evaluating.vectors import NamedVectors

Array = npt.NDArray[np.float32]
_PATH = click.Path(path_type=Path)
_RETRIEVAL = "preprocessing.evaluating.retrieval_command"
_METHODS = ("sum", "slerp", "combiner", "inversion")


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.option("--annotations", type=_PATH, required=True, help="Folder with captions/ and image_splits/."),
        click.option("--images", type=_PATH, help="Folder of the images that the splits name."),
        click.option("--embeddings", type=_PATH, help=".npz with names, images and maybe texts or queries."),
        click.option("--model", default="demo", show_default=True, help="Makes the vectors that are not given."),
        click.option("--models-dir", type=_PATH, default=Path("assets/models"), envvar="MODELS_DIR", show_default=True),
        click.option("--method", type=click.Choice(_METHODS), default="sum", show_default=True),
        click.option("--weights", type=_PATH, help="Network of the method.  [default: the model's own]"),
        click.option("--balance", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Of the sums."),
        click.option("--output", type=_PATH, help="Folder for the figures and the submission files."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group(
    "evaluate",
    cls=LazyGroup,
    lazy={
        "gpr1200": (f"{_RETRIEVAL}:gpr1200", "Image-to-image retrieval on GPR1200: full mean average precision."),
        "models": (f"{_RETRIEVAL}:models_command", "Models side by side on a folder with classes and captions."),
    },
)
def evaluate() -> None:
    """Measure a model by a published evaluation, with its exact protocol."""


@evaluate.command("cirr")
@click.option("--split", type=click.Choice(["train", "val", "test1"]), default="val", show_default=True)
@_options
def cirr(split: str, annotations: Path, output: Path | None, **how: Any) -> None:
    """Composed retrieval on CIRR: R@K, Rs@K, and the two files that its server takes."""
    from preprocessing.evaluating.cirr import cirr_metrics, rank_cirr, read_cirr
    from preprocessing.evaluating.submission import write_submissions

    data = read_cirr(annotations, split)  # type: ignore[arg-type]
    names = list(data.images)
    job = _Job(how, data.images)
    queries, gallery = job.vectors(
        [pair.reference for pair in data.pairs], [pair.caption for pair in data.pairs], names
    )
    ranking = rank_cirr(data, queries, gallery, names)
    figures = cirr_metrics(ranking)
    click.echo(f"CIRR {split}: {len(data.pairs):,} pairs, {len(names):,} images, {job.described}")
    click.echo(_table({split: figures}) if figures else "The targets of this split are secret: send the files in.")
    if output is not None:
        files = write_submissions(data, ranking, output)
        _keep(output, {"split": split, "pairs": len(data.pairs), "images": len(names), **job.settings, **figures})
        click.echo("Submission files, checked: " + ", ".join(str(path) for path in files.values()))


@evaluate.command("fashioniq")
@click.option("--split", type=click.Choice(["train", "val"]), default="val", show_default=True)
@click.option("--category", "categories", multiple=True, type=click.Choice(["dress", "shirt", "toptee"]))
@_options
def fashioniq(split: str, categories: tuple[str, ...], annotations: Path, output: Path | None, **how: Any) -> None:
    """Composed retrieval on FashionIQ: R@10 and R@50 in each category and on average."""
    from preprocessing.evaluating.fashioniq import CATEGORIES, fashioniq_metrics, fashioniq_ranks, read_fashioniq

    chosen = [name for name in CATEGORIES if not categories or name in categories]
    data = {name: read_fashioniq(annotations, name, split) for name in chosen}
    job = _Job(how, {name: name for one in data.values() for name in one.images})
    ranks = {}
    for name, one in data.items():
        captions = [pair.caption for pair in one.pairs]
        queries, gallery = job.vectors([pair.candidate for pair in one.pairs], captions, one.images)
        ranks[name] = fashioniq_ranks(one, queries, gallery, one.images)
        click.echo(f"FashionIQ {name} {split}: {len(one.pairs):,} pairs, {len(one.images):,} images, {job.described}")
    figures = fashioniq_metrics(ranks)
    click.echo(_table(figures))
    if output is not None:
        _keep(output, {"split": split, **job.settings, "figures": figures})


class _Job:
    """The vectors of one evaluation: read or made, and composed."""

    def __init__(self, how: dict[str, Any], paths: dict[str, str]) -> None:
        if (how["images"] is None) == (how["embeddings"] is None):
            raise ConfigurationError("An evaluation needs either --images or --embeddings. Give one of them.")
        self._how, self._taken = how, 0
        self.settings = {"model": how["model"], "method": how["method"], "balance": how["balance"]}
        self._encoder: Any = None
        self._composer: Any = None
        self._named = self._read() if how["embeddings"] is not None else self._embedded(paths)
        self.described = "vectors composed elsewhere" if self._named.queries is not None else f"method {how['method']}"

    def vectors(self, references: Sequence[str], captions: Sequence[str], names: Sequence[str]) -> tuple[Array, Array]:
        """Composed unit vectors of the pairs (m, d), and unit vectors (n, d) of the images ``names``."""
        from clip_branches.composing.sums import unit

        gallery = unit(self._named.of(names))
        if self._named.queries is not None:
            return unit(self._next(self._named.queries, len(captions), "queries")), gallery
        texts = self._named.texts
        if texts is not None:
            given = self._next(texts, len(captions), "texts")
            composer = self._loaded(lambda _: given)
        else:
            composer = self._composer or self._loaded(None)
        return composer.compose(self._named.of(references), list(captions)), gallery

    def _next(self, rows: Array, count: int, what: str) -> Array:
        """The rows of the next ``count`` pairs: of several categories the file holds one after the other."""
        part = rows[self._taken : self._taken + count]
        if len(part) < count:
            raise ConfigurationError(
                f"The {what!r} of the embeddings must have a row for every pair, in the file's order. "
                f"Got {len(rows)}, and {self._taken + count} are needed."
            )
        self._taken += count
        return part

    def _read(self) -> NamedVectors:
        from preprocessing.evaluating.vectors import read_vectors

        named = read_vectors(self._how["embeddings"])
        if named.queries is None and named.texts is None:
            self._load_encoder()
            if named.images.shape[1] != self._encoder.embedding_dim:
                raise ConfigurationError(
                    f"The embeddings must have the {self._encoder.embedding_dim} dimensions of the model "
                    f"{self._how['model']!r}, which reads the captions. Got {named.images.shape[1]} instead."
                )
        return named

    def _embedded(self, paths: dict[str, str]) -> NamedVectors:
        from preprocessing.evaluating.vectors import embed_named

        self._load_encoder()
        self._composer = self._loaded(None)
        return embed_named(self._encoder, self._how["images"], paths, raw=self._composer.raw, pad=self._composer.raw)

    def _load_encoder(self) -> None:
        from clip_branches.encoding import Encoder

        self._encoder = Encoder.load(self._how["model"], models_dir=self._how["models_dir"], threads=None)

    def _loaded(self, embed_texts: Any) -> Any:
        from clip_branches.composing import load_composer
        from clip_branches.encoding.fingerprint import local_model_folder

        how = self._how
        if self._encoder is None and (embed_texts is None or how["method"] not in ("sum", "slerp")):
            self._load_encoder()
        folder = local_model_folder(how["model"], how["models_dir"])
        return load_composer(
            how["method"],
            self._encoder,
            folder=folder,
            weights=how["weights"],
            embed_texts=embed_texts,
            balance=how["balance"],
        )


def _table(rows: dict[str, dict[str, float]]) -> str:
    names = list(next(iter(rows.values())))
    wide = max(8, *(len(row) for row in rows))
    lines = [" " * wide + "".join(f"  {name:>16}" for name in names)]
    lines += [
        f"{row:<{wide}}" + "".join(f"  {figures[name]:>16.2f}" for name in names) for row, figures in rows.items()
    ]
    return "\n".join(lines)


def _keep(folder: Path, figures: dict[str, Any]) -> None:
    from clip_branches.files import write_whole

    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "figures.json", (json.dumps(figures, indent=2) + "\n").encode())
