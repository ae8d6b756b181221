"""Triplets as vectors: references and targets by row, the words between them, and which belong together."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from clip_branches.errors import DamagedFile, InvalidInput

Array = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Triplets:
    """m triplets over n images.

    Attributes
    ----------
    images : float32 (n, d), vectors of the images.
    texts : float32 (m, d), vectors of the captions.
    references, targets : int64 (m,), rows of ``images``.
    groups : int64 (m,), triplets of one group go into one batch: their targets are each other's hard negatives.
    stored : float32 (n, d) or None, vectors of the images as their stored codes tell them.
    """

    images: Array
    texts: Array
    references: Rows
    targets: Rows
    groups: Rows
    stored: Array | None = None

    def __post_init__(self) -> None:
        counts = {len(self.texts), len(self.references), len(self.targets), len(self.groups)}
        if len(counts) != 1 or not len(self.texts) or self.texts.shape[1] != self.images.shape[1]:
            raise InvalidInput(
                "Triplets must have one reference, text, target and group each, in vectors of one length. "
                f"Got {sorted(counts)} of them, {self.images.shape} and {self.texts.shape}."
            )

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Rows) -> Triplets:
        """The triplets of ``rows``, over the same images."""
        parts = (self.texts[rows], self.references[rows], self.targets[rows], self.groups[rows])
        return Triplets(self.images, *parts, self.stored)

    def split(self, share: float, generator: np.random.Generator) -> tuple[Triplets, Triplets]:
        """Those to train on and those that choose the epoch: whole groups, ``share`` of them, at least one."""
        names = np.unique(self.groups)
        if len(names) < 2:
            raise InvalidInput("Triplets must have at least two groups, one to train on and one to choose the epoch.")
        chosen = generator.permutation(names)[: max(1, round(share * len(names)))]
        held = np.isin(self.groups, chosen)
        return self.take(np.flatnonzero(~held)), self.take(np.flatnonzero(held))

    def identity(self, *more: str) -> str:
        """Digest of every vector and row, and of ``more``."""
        digest = hashlib.sha256(json.dumps(more).encode())
        for rows in (self.images, self.texts, self.references, self.targets, self.groups):
            digest.update(np.ascontiguousarray(rows).data)
        return digest.hexdigest()


def batches(groups: Rows, size: int, generator: np.random.Generator) -> list[Rows]:
    """Rows of every triplet once, in random order of the groups, which stay whole; about ``size`` a batch."""
    names, number = np.unique(groups, return_inverse=True)
    rows = np.argsort(generator.permutation(len(names))[number], kind="stable")
    cuts = np.flatnonzero(np.diff(groups[rows])) + 1
    taken, start = [], 0
    for cut in [*cuts.tolist(), len(rows)]:
        if cut - start >= size or cut == len(rows):
            taken.append(rows[start:cut])
            start = cut
    return [part for part in taken if len(part) > 1]


def read_triplet_names(path: Path) -> list[tuple[str, str, str]]:
    """(reference, caption, target) of each entry in a JSON list.

    Keys are those of CIRR (``reference``, ``caption``, ``target_hard``), of FashionIQ (``candidate``, ``captions``,
    ``target``) or plain (``reference``, ``caption``, ``target``). DamagedFile names the first entry that lacks one.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DamagedFile(f"{path} must be a readable JSON file of triplets. Got: {error}") from error
    if not isinstance(content, list) or not content:
        raise DamagedFile(f"{path} must hold a JSON list of triplets. Got {type(content).__name__} instead.")
    return [_names(entry, number, path) for number, entry in enumerate(content)]


def _names(entry: Any, number: int, path: Path) -> tuple[str, str, str]:
    try:
        reference = entry["reference"] if "reference" in entry else entry["candidate"]
        caption = entry["caption"] if "caption" in entry else " and ".join(c.strip(" .?,") for c in entry["captions"])
        target = entry["target"] if "target" in entry else entry["target_hard"]
    except (KeyError, TypeError, AttributeError) as error:
        raise DamagedFile(
            f"Entry {number} of {path} must have a reference, a caption and a target. Got: {error!r}"
        ) from error
    return str(reference), str(caption), str(target)


def named_triplets(names: list[tuple[str, str, str]], known: list[str], images: Array, texts: Array) -> Triplets:
    """Triplets of (reference, caption, target) ``names`` over ``images`` (n, d) of the names ``known``.

    The groups are those of one reference: its targets are each other's hard negatives. InvalidInput names an image
    that is not known.
    """
    place = {name: row for row, name in enumerate(known)}
    missing = sorted({name for one, _, other in names for name in (one, other)} - set(place))
    if missing:
        raise InvalidInput(f"Every image of the triplets must have a vector. Not there: {', '.join(missing[:5])}.")
    references = np.array([place[reference] for reference, _, _ in names], dtype=np.int64)
    targets = np.array([place[target] for _, _, target in names], dtype=np.int64)
    return Triplets(images, texts, references, targets, references)
