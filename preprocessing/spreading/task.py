"""One shard's worth of images, embedded on a node: it reads the source and the model there, and writes nothing."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from clip_branches.encoding.fingerprint import (
    check_model,
    fingerprint_of_encoder,
    fingerprint_of_folder,
    local_model_folder,
)
from clip_branches.errors import ClipBranchesError, ConfigurationError
from preprocessing.decoding import ImageReader, bytes_reader
from preprocessing.embedding import ShardCutter, embed_all
from preprocessing.towers import BatchEmbedder, Towers, load_towers

# What a broken device, a full memory or a storage that went away may raise.
_NODE_ERRORS = (ClipBranchesError, OSError, RuntimeError, MemoryError)


class Job(NamedTuple):
    """What all pieces have in common. Paths are absolute, and lead to the same files on every node."""

    root: Path
    model: str
    models_dir: Path
    fingerprint: str
    device: str
    precision: str
    batch_size: int
    threads: int


class Piece(NamedTuple):
    """The images (source to sha256, in order) of the shard ``number``."""

    number: int
    images: dict[str, str]


class Embedded(NamedTuple):
    """A finished shard: ``rows`` (n, d) float32 of n images ``keys``, and the sources that ``failed`` with reasons."""

    keys: list[str]
    rows: npt.NDArray[np.float32]
    failed: dict[str, str]
    seconds: float
    device: str
    precision: str


class Refused(NamedTuple):
    """A node that cannot do this work, and why."""

    reason: str


def embed_piece(job: Job, piece: Piece) -> Embedded | Refused:
    """Embed ``piece`` with the batches, and so the bytes, that the stage on one machine gives it."""
    try:
        if not job.root.is_dir():
            raise ConfigurationError(f"the folder {job.root} is not there")
        towers = _towers(job)
        carrier = _Carrier()
        reader = ImageReader(bytes_reader(job.root), towers.preparation.pixels, job.threads)
        sources = {image: source for source, image in piece.images.items()}
        how = {"device": str(towers.device), "precision": towers.precision}
        cutter = ShardCutter(carrier, len(sources), sources, lambda _: None, **how)
        with BatchEmbedder(towers.embed, job.threads, towers.encoder.embedding_dim) as embedder:
            embed_all(reader, embedder, cutter, piece.images, job.batch_size, len(sources))
        cutter.write()
        return carrier.shard()
    except _NODE_ERRORS as error:
        return Refused(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


@functools.lru_cache(maxsize=1)
def _towers(job: Job) -> Towers:
    """The model, loaded once in a worker process; it must be the one that the run began with, to the last weight."""
    check_model(job.model, job.models_dir)
    folder = local_model_folder(job.model, job.models_dir)
    if folder is not None and fingerprint_of_folder(folder) != job.fingerprint:
        raise ConfigurationError(f"the model {job.model!r} is another one there")
    towers = load_towers(job.model, job.models_dir, job.device, job.precision)
    if folder is None and fingerprint_of_encoder(job.model, towers.encoder) != job.fingerprint:
        raise ConfigurationError(f"the model {job.model!r} has other weights there")
    return towers


class _Carrier:
    """Takes the one shard of a piece, to be sent to where shards are written."""

    def __init__(self) -> None:
        self._shard: Embedded | None = None

    def add(
        self,
        images: Sequence[str],
        embeddings: npt.NDArray[np.float32],
        failed: dict[str, str],
        seconds: float,
        *,
        device: str = "cpu",
        precision: str = "float32",
    ) -> None:
        self._shard = Embedded(list(images), embeddings, failed, seconds, device, precision)

    def shard(self) -> Embedded:
        if self._shard is None:
            raise ConfigurationError("a piece must have images")
        return self._shard
