"""Stage ``embed``: the towers' embedding of every kept image, in shards that survive a killed run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow.parquet as pq

from clip_branches.encoding.fingerprint import (
    check_model,
    fingerprint_of_encoder,
    fingerprint_of_folder,
    local_model_folder,
)
from preprocessing.decoding import ImageReader
from preprocessing.interrupt import Stopped
from preprocessing.progress import Progress, say
from preprocessing.recipe import Recipe
from preprocessing.report import Note, Summary
from preprocessing.shards import Shards
from preprocessing.towers import BatchEmbedder, Towers, load_towers
from preprocessing.workplace import Workplace

if TYPE_CHECKING:
    import torch


class EmbedOptions(NamedTuple):
    """How, not what: none of these changes an embedding by more than rounding.

    ``workers`` threads decode ahead of ``threads`` threads that run the model, each on a batch of its own.
    """

    models_dir: Path = Path("assets/models")
    workers: int = 2
    threads: int = 2
    batch_size: int = 64
    shard_size: int = 2_048


def embed_images(work: Workplace, recipe: Recipe, options: EmbedOptions) -> Summary:
    """Write shards of float16 embeddings for the images of kept.parquet that have none by this model yet.

    Raises ConfigurationError for a model that is not there. The model is loaded only when there is work for it.
    """
    started = time.monotonic()
    model = recipe.embedding.model
    check_model(model, options.models_dir)
    table = pq.read_table(work.require(work.kept, "filter"), columns=["source", "sha256"])
    sources = dict(zip(table.column("sha256").to_pylist(), table.column("source").to_pylist(), strict=True))
    towers: Towers | None = None
    folder = local_model_folder(model, options.models_dir)
    if folder is not None:
        fingerprint = fingerprint_of_folder(folder)
    else:
        say(f"embed: loading {model} from open_clip's cache, or downloading it (a minute or more) ...")
        towers = load_towers(model, options.models_dir)
        fingerprint = fingerprint_of_encoder(model, towers.encoder)
    shards = Shards(work.shards, fingerprint)
    done = shards.images()
    missing = [image for image in sources if image not in done]
    if missing:
        towers = towers or load_towers(model, options.models_dir)
        _embed_missing(shards, towers, recipe.source.path, sources, missing, options)
    work.save_recipe(recipe)
    work.save_embedded_by(model, fingerprint)
    shards.remove_other_models()
    embedded = shards.images()
    reasons = shards.failures()
    left_out = [source for image, source in sources.items() if image not in embedded]
    failed = [Note(source, "unreadable", reasons.get(source, "")) for source in left_out]
    seconds = time.monotonic() - started
    kept = len(sources) - len(failed)
    return Summary("embed", kept, len(missing), len(sources) - len(missing), seconds, failed)


def _embed_missing(
    shards: Shards,
    towers: Towers,
    root: Path,
    sources: dict[str, str],
    missing: Sequence[str],
    options: EmbedOptions,
) -> None:
    total = len(sources)
    done = total - len(missing)
    reader = ImageReader(root, towers.preprocess, options.workers)
    try:
        with (
            Progress("embed", total, already=done) as progress,
            BatchEmbedder(towers, options.threads, progress.update) as embedder,
        ):
            for start in range(0, len(missing), options.shard_size):
                images = missing[start : start + options.shard_size]
                began = time.monotonic()
                read, failed = _embed_shard(
                    embedder, reader, {sources[image]: image for image in images}, options.batch_size, progress
                )
                shards.add(read, embedder.collect(), failed, time.monotonic() - began)
                done += len(images)
    except KeyboardInterrupt as error:
        raise Stopped(
            f"Stopped: {done:,} of {total:,} images are embedded and kept so; the same command goes on from there."
        ) from error


def _embed_shard(
    embedder: BatchEmbedder, reader: ImageReader, images: dict[str, str], batch_size: int, progress: Progress
) -> tuple[list[str], dict[str, str]]:
    read: list[str] = []
    failed: dict[str, str] = {}
    batch: list[torch.Tensor] = []
    for source, tensor in reader.read(images, batch_size):
        if isinstance(tensor, str):
            failed[source] = tensor
            progress.update()
            continue
        read.append(images[source])
        batch.append(tensor)
        if len(batch) == batch_size:
            embedder.submit(batch)
            batch = []
    if batch:
        embedder.submit(batch)
    return read, failed
