"""Stage ``embed``: the towers' embedding of every kept image, in shards that survive a killed run."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from clip_branches.encoding.fingerprint import (
    check_model,
    fingerprint_of_encoder,
    fingerprint_of_folder,
    local_model_folder,
)
from preprocessing.decoding import ImageReader, bytes_reader
from preprocessing.embedding import ShardCutter, embed_all
from preprocessing.imported import declared_width, imported_path, take_over_embeddings
from preprocessing.interrupt import Stopped, stopped_at
from preprocessing.progress import Progress, say
from preprocessing.recipe import Recipe
from preprocessing.report import Note, Summary
from preprocessing.shards import Shards
from preprocessing.sources.opening import image_root
from preprocessing.towers import BatchEmbedder, Towers, load_towers
from preprocessing.workplace import Workplace

# Below this share of the time at work, the model mostly waits for images.
_BUSY_ENOUGH = 0.8
_LONG_ENOUGH_S = 5.0


class EmbedOptions(NamedTuple):
    """How, not what: none of these changes an embedding by more than rounding.

    ``workers`` threads decode ahead of ``threads`` threads that run the model, each on a batch of its own, on
    ``device`` ("auto", "cpu", "cuda", "cuda:1") in ``precision`` ("auto", "fp32", "bf16", "fp16").

    With the ``engine`` "ray" shards are embedded by the nodes of the cluster at ``ray_address``, each by a task that
    takes ``task_cpus`` processors and threads and ``task_gpus`` of a GPU; ``device`` and ``precision`` are the nodes'.
    """

    models_dir: Path = Path("assets/models")
    workers: int = 2
    threads: int = 2
    batch_size: int = 64
    shard_size: int = 2_048
    device: str = "auto"
    precision: str = "auto"
    engine: str = "local"
    ray_address: str = "auto"
    task_cpus: int = 1
    task_gpus: float = 0.0

    def load(self, model: str) -> Towers:
        """The towers of ``model`` on this machine, where and as these options say; with Ray, they say it of nodes."""
        if self.engine == "ray":
            return load_towers(model, self.models_dir, "auto", "auto")
        return load_towers(model, self.models_dir, self.device, self.precision)


def embed_images(
    work: Workplace,
    recipe: Recipe,
    options: EmbedOptions,
    *,
    without: Collection[str] = (),
    towers: Towers | None = None,
) -> Summary:
    """Write shards of float16 embeddings for the images of kept.parquet that have none by this model yet.

    ``without`` holds the sha256 of images that need none. Raises ConfigurationError for a model that is not there. The
    model, unless its ``towers`` are loaded already, is loaded only when there is work for it.
    """
    started = time.monotonic()
    model = recipe.embedding.model
    check_model(model, options.models_dir)
    table = pq.read_table(work.require(work.kept, "filter"), columns=["source", "sha256"])
    pairs = zip(table.column("sha256").to_pylist(), table.column("source").to_pylist(), strict=True)
    unwanted = set(without)
    sources = {image: source for image, source in pairs if image not in unwanted}
    folder = local_model_folder(model, options.models_dir)
    if folder is not None:
        fingerprint = fingerprint_of_folder(folder)
    else:
        if towers is None:
            say(f"embed: loading {model} from open_clip's cache, or downloading it (a minute or more) ...")
            towers = options.load(model)
        fingerprint = fingerprint_of_encoder(model, towers.encoder)
    shards = Shards(work.shards, fingerprint)
    done = shards.images(sources)
    missing = [image for image in sources if image not in done]
    count = len(missing)
    if imported_path(work).exists():
        width = declared_width(folder) if folder is not None else None
        if width is None:
            towers = towers or options.load(model)
            width = towers.encoder.embedding_dim
        missing = take_over_embeddings(work, recipe.source.path, shards, missing, model, width)
    root = image_root(recipe.source, work.data_dir, work.name)
    if missing and options.engine == "ray":
        from preprocessing.spreading import embed_on_ray

        embed_on_ray(shards, model, root, sources, missing, options)
    elif missing:
        towers = towers or options.load(model)
        _embed_missing(shards, towers, root, sources, missing, options)
    work.save_recipe(recipe)
    work.save_embedded_by(model, fingerprint)
    shards.remove_other_models()
    embedded = shards.images(sources)
    reasons = shards.failures()
    left_out = [source for image, source in sources.items() if image not in embedded]
    failed = [Note(source, "unreadable", reasons.get(source, "")) for source in left_out]
    seconds = time.monotonic() - started
    kept = len(sources) - len(failed)
    return Summary("embed", kept, count, len(sources) - count, seconds, failed)


def _embed_missing(
    shards: Shards,
    towers: Towers,
    root: Path,
    sources: Mapping[str, str],
    missing: Sequence[str],
    options: EmbedOptions,
) -> None:
    images = {sources[image]: image for image in missing}
    reader = ImageReader(bytes_reader(root), towers.preparation.pixels, options.workers)
    total = len(sources)
    with Progress("embed", total, already=total - len(missing)) as progress:
        how = {"device": str(towers.device), "precision": towers.precision}
        cutter = ShardCutter(shards, options.shard_size, sources, progress.update, **how)
        try:
            with BatchEmbedder(towers.embed, options.threads, towers.encoder.embedding_dim) as embedder:
                embed_all(reader, embedder, cutter, images, options.batch_size, options.shard_size)
                took, busy = embedder.seconds, embedder.busy
        except KeyboardInterrupt as error:
            cutter.write()
            raise Stopped(stopped_at(progress.done, total)) from error
        cutter.write()
    if took > _LONG_ENOUGH_S:
        hint = "" if busy > _BUSY_ENOUGH else "; it waited for images, more --workers may help"
        say(f"embed: {len(missing) / took:,.0f} images/s, the model at work {busy:.0%} of the time{hint}")
