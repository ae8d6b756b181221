"""Shards of embeddings: immutable pairs of files, found again by the images that they hold.

shards/<fingerprint of the model>/
  000000.npy    float16 (rows, d), unit rows
  000000.json   sha256 of the .npy, sha256 of every image, failures, seconds; written last: without it, no shard
"""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from clip_branches.errors import InvalidInput
from clip_branches.files import replacing, sha256_of, write_whole


class ShardStats(BaseModel):
    """The .json of a shard."""

    model_config = ConfigDict(extra="forbid")

    fingerprint: str
    sha256: str
    images: list[str]
    failed: dict[str, str]
    seconds: float
    images_per_second: float
    device: str = "cpu"
    precision: str = "float32"
    width: int | None = None


class Shards:
    """The shards of one model, in ``folder``; damaged and half-written ones are left out, and so made again.

    A shard's embeddings are read, and checked, once they are asked for: adding to a catalogue touches few of them.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder = folder / fingerprint
        self.fingerprint = fingerprint
        self._parent = folder
        self._stats: dict[Path, ShardStats] = {}
        self._whole: dict[Path, bool] = {}
        self._taken: set[int] = set()
        for path in sorted(self.folder.glob("[0-9]*.npy")):
            self._taken.add(int(path.stem))
            stats = _read_stats(path, fingerprint)
            if stats is not None:
                self._stats[path] = stats
        self._free = self.free_numbers()

    def images(self, among: Collection[str]) -> set[str]:
        """Those of the images ``among``, by sha256, that have an embedding."""
        wanted = frozenset(among)
        held = ((path, wanted.intersection(stats.images)) for path, stats in self._stats.items())
        return {image for path, images in held if images and self._is_whole(path) for image in images}

    def free_numbers(self) -> Iterator[int]:
        """The numbers that no shard here has, in order; a run whose shards ended in another order may leave gaps."""
        return (number for number in itertools.count() if number not in self._taken)

    def add(
        self,
        images: Sequence[str],
        embeddings: npt.NDArray[np.float32],
        failed: dict[str, str],
        seconds: float,
        *,
        device: str = "cpu",
        precision: str = "float32",
        number: int | None = None,
    ) -> None:
        """Write a shard: ``embeddings`` (n, d) of n ``images``, and the sources that ``failed`` with their reason.

        It gets the ``number`` given, one of :meth:`free_numbers`, or the first of them.
        Raises InvalidInput for rows that are not finite, not one an image, or of another width than the shards here.
        """
        embeddings = np.asarray(embeddings)
        width = self._width()
        if embeddings.ndim != 2 or len(embeddings) != len(images) or width not in (None, embeddings.shape[1]):
            raise InvalidInput(
                f"The embeddings of a shard in {self.folder} must have shape ({len(images)}, {width or 'd'}). "
                f"Got {embeddings.shape} instead: they are of another model."
            )
        if not np.isfinite(embeddings).all():
            raise InvalidInput(
                f"The embeddings of a shard in {self.folder} must be finite. Got NaN or infinity instead."
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        number = next(self._free) if number is None else number
        path = self.folder / f"{number:06d}.npy"
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, embeddings.astype(np.float16), allow_pickle=False)
        stats = ShardStats(
            fingerprint=self.fingerprint,
            sha256=sha256_of(path),
            images=list(images),
            failed=failed,
            seconds=round(seconds, 3),
            images_per_second=round(len(images) / max(seconds, 1e-9), 1),
            device=device,
            precision=precision,
            width=embeddings.shape[1],
        )
        write_whole(path.with_suffix(".json"), (stats.model_dump_json(indent=1) + "\n").encode())
        self._stats[path], self._whole[path] = stats, True
        self._taken.add(number)

    def _is_whole(self, path: Path) -> bool:
        """Whether a shard has its checksum; it is read once."""
        if path not in self._whole:
            try:
                self._whole[path] = sha256_of(path) == self._stats[path].sha256
            except OSError:
                self._whole[path] = False
        return self._whole[path]

    def _width(self) -> int | None:
        for path, stats in self._stats.items():
            if stats.width is not None:
                return stats.width
            if self._is_whole(path):  # of an earlier version
                return int(np.load(path, mmap_mode="r", allow_pickle=False).shape[1])
        return None

    def gather(self, images: Sequence[str]) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.bool_]]:
        """Embeddings (k, d) float16 of those of n ``images`` that have one, in order, and which (n,) bool those are."""
        wanted = {image: position for position, image in enumerate(images)}
        gathered: npt.NDArray[np.float16] | None = None
        found = np.zeros(len(images), dtype=np.bool_)
        for path, stats in self._stats.items():
            pairs = [(wanted[image], row) for row, image in enumerate(stats.images) if image in wanted]
            if not pairs or not self._is_whole(path):
                continue
            shard = np.load(path, mmap_mode="r", allow_pickle=False)
            positions, rows = np.array(pairs, dtype=np.int64).T
            if gathered is None:
                gathered = np.zeros((len(images), shard.shape[1]), dtype=np.float16)
            gathered[positions] = shard[rows]
            found[positions] = True
        if gathered is None:
            return np.zeros((0, 0), dtype=np.float16), found
        return (gathered if found.all() else gathered[found]), found

    def failures(self) -> dict[str, str]:
        """Sources whose image could not be read when its shard was made, with the reason."""
        return {source: reason for stats in self._stats.values() for source, reason in stats.failed.items()}

    def remove_other_models(self) -> None:
        """Remove the shards of other models."""
        for entry in self._parent.iterdir():
            if entry != self.folder and entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)


def _read_stats(path: Path, fingerprint: str) -> ShardStats | None:
    try:
        stats = ShardStats.model_validate(json.loads(path.with_suffix(".json").read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError):
        return None
    return stats if stats.fingerprint == fingerprint else None
