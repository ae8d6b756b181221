"""What is written of each image: its place, score and labels, and what the catalogue knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from clip_branches.cancelling import checkpoint
from clip_branches.catalogue import Catalogue

BATCH = 1_000
OWN = ("rank", "id", "score", "votes", "label", "searches", "source", "caption", "width", "height", "sha256")


@dataclass(frozen=True)
class Group:
    """An answer by name, with its labels: what images of a file are images of."""

    name: str
    right: frozenset[int]
    wrong: frozenset[int]

    def label_of(self, item: int) -> str | None:
        """ "right", "wrong" or None."""
        return "right" if item in self.right else "wrong" if item in self.wrong else None


@dataclass(frozen=True)
class Export:
    """Images to write, in order.

    ids: uint64 (n,); scores: float32 (n,) or None; votes: int16 (n,) or None; held: int64 (n,), bit i set where group i
    holds the image, or None where every group holds all.
    """

    catalogue: Catalogue
    name: str
    ids: npt.NDArray[np.uint64]
    scores: npt.NDArray[np.float32] | None
    votes: npt.NDArray[np.int16] | None
    groups: Sequence[Group]
    held: npt.NDArray[np.int64] | None
    recipe: dict[str, Any]

    @cached_property
    def further(self) -> list[str]:
        """Names of the catalogue's own columns."""
        return sorted({name for segment in self.catalogue.segments for name in segment.metadata_columns})

    def batches(self) -> Iterator[list[dict[str, Any]]]:
        """The images in batches: rank, id, score, votes, label, searches (with several groups), and the item.

        One that the catalogue does not hold any more has its place, and None for what is not known.
        """
        for start in range(0, len(self.ids), BATCH):
            checkpoint()
            part = slice(start, start + BATCH)
            ids = self.ids[part].tolist()
            items = {item["id"]: item for item in self.catalogue.items(self.ids[part])[0]}
            scores = [None] * len(ids) if self.scores is None else self.scores[part].tolist()
            votes = [None] * len(ids) if self.votes is None else self.votes[part].tolist()
            held = [-1] * len(ids) if self.held is None else self.held[part].tolist()
            yield [
                {
                    "rank": rank,
                    "id": item,
                    "score": None if score is None else round(score, 6),
                    "votes": vote,
                    **self._labels(item, bits),
                    **(items.get(item) or _unknown(item)),
                }
                for rank, item, score, vote, bits in zip(
                    range(start + 1, start + 1 + len(ids)), ids, scores, votes, held, strict=True
                )
            ]

    def groups_of(self, bits: int) -> list[Group]:
        """The groups that hold an image."""
        return [group for number, group in enumerate(self.groups) if bits >> number & 1]

    def _labels(self, item: int, bits: int) -> dict[str, Any]:
        if len(self.groups) < 2:
            return {"label": self.groups[0].label_of(item) if self.groups else None}
        told = [f"{group.name}: {label}" for group in self.groups if (label := group.label_of(item))]
        return {"label": "; ".join(told) or None, "searches": [group.name for group in self.groups_of(bits)]}


def _unknown(item: int) -> dict[str, Any]:
    return {"id": item, **dict.fromkeys(("source", "caption", "width", "height", "sha256")), "metadata": {}}
