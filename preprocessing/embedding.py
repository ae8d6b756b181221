"""The way from files to shards: images are decoded ahead of the model, which never waits for a shard to be written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from preprocessing.decoding import ImageReader
from preprocessing.towers import Batch, BatchEmbedder

_NOT_FINITE = "the model gives no finite vector for it"


def read_batches(reader: ImageReader, images: Mapping[str, str], batch_size: int, shard_size: int) -> Iterator[Batch]:
    """``images`` (source to sha256) in batches, none of them across the end of a shard."""
    batch, in_shard = Batch([], [], {}), 0
    for source, pixels in reader.read(images, batch_size):
        if isinstance(pixels, str):
            batch.failed[source] = pixels
        else:
            batch.keys.append(images[source])
            batch.pixels.append(pixels)
        in_shard += 1
        if len(batch.keys) + len(batch.failed) == batch_size or in_shard == shard_size:
            yield batch
            batch, in_shard = Batch([], [], {}), in_shard % shard_size
    if batch.keys or batch.failed:
        yield batch


class ShardSink(Protocol):
    """What takes finished shards: :class:`preprocessing.shards.Shards`, or what carries them there."""

    def add(
        self,
        images: Sequence[str],
        embeddings: npt.NDArray[np.float32],
        failed: dict[str, str],
        seconds: float,
        *,
        device: str = ...,
        precision: str = ...,
    ) -> None: ...


class ShardCutter:
    """Collects embedded batches and writes a shard when there are enough.

    ``sources`` maps sha256 to source; ``finished`` is told how many images are done, as they are.
    """

    def __init__(
        self,
        shards: ShardSink,
        shard_size: int,
        sources: Mapping[str, str],
        finished: Callable[[int], None],
        **how: str,
    ) -> None:
        self._shards = shards
        self._shard_size = shard_size
        self._sources = sources
        self._finished = finished
        self._how = how
        self._keys: list[str] = []
        self._rows: list[npt.NDArray[np.float32]] = []
        self._failed: dict[str, str] = {}
        self._began = time.monotonic()

    def take(self, done: Iterable[tuple[Batch, npt.NDArray[np.float32]]]) -> None:
        """Add embedded batches: an image without a finite vector counts as failed."""
        for batch, rows in done:
            finite: npt.NDArray[np.bool_] = np.asarray(np.isfinite(rows).all(axis=1))
            self._failed |= batch.failed
            for key, sound in zip(batch.keys, finite.tolist(), strict=True):
                if sound:
                    self._keys.append(key)
                else:
                    self._failed[self._sources[key]] = _NOT_FINITE
            self._rows.append(rows[finite])
            self._finished(len(batch.keys) + len(batch.failed))
            if len(self._keys) + len(self._failed) >= self._shard_size:
                self.write()

    def write(self) -> None:
        """Write what there is as a shard."""
        if self._keys or self._failed:
            now = time.monotonic()
            rows = np.concatenate(self._rows)
            self._shards.add(self._keys, rows, self._failed, now - self._began, **self._how)
            self._keys, self._rows, self._failed, self._began = [], [], {}, now


def embed_all(
    reader: ImageReader,
    embedder: BatchEmbedder,
    cutter: ShardCutter,
    images: Mapping[str, str],
    batch_size: int,
    shard_size: int,
) -> None:
    """Read, embed and cut ``images`` (source to sha256); the same batches, so the same bytes, wherever it runs.

    What is left after the last whole shard stays with the ``cutter``, which the caller lets write it.
    """
    for batch in read_batches(reader, images, batch_size, shard_size):
        cutter.take(embedder.submit(batch))
    cutter.take(embedder.drain())
