"""Composed retrieval on CIRR, version rc2 (Liu et al., ICCV 2021): protocol and metrics of its evaluation server.

The gallery is the whole split. The reference leaves the ranking; R@1, 5, 10 and 50 ask where the target is in what is
left. The subset is the five other members of the reference's group; Rs@1, 2 and 3 ask the same among them alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from preprocessing.evaluating.annotations import entries, read_json, require_names
from preprocessing.evaluating.ranking import mean_of, rank_among, rankings, recall, rounded, without

Array = npt.NDArray[np.float32]
Split = Literal["train", "val", "test1"]

RECALLS = (1, 5, 10, 50)
SUBSET_RECALLS = (1, 2, 3)
GROUP_SIZE = 6


@dataclass(frozen=True)
class CirrPair:
    """A reference and what is to change; ``target`` is None in the split whose targets are kept secret."""

    pairid: int
    reference: str
    caption: str
    members: tuple[str, ...]
    target: str | None = None


@dataclass(frozen=True)
class Cirr:
    """A split: its pairs in the file's order, and the path of every image by its name, in the file's order."""

    split: str
    pairs: list[CirrPair]
    images: dict[str, str]


@dataclass(frozen=True)
class CirrRanking:
    """For each pair the first 50 names and the first 3 of the subset, and the ranks of the target (None: secret)."""

    first: list[list[str]]
    subset: list[list[str]]
    ranks: npt.NDArray[np.int64] | None
    subset_ranks: npt.NDArray[np.int64] | None


def read_cirr(folder: Path, split: Split = "val") -> Cirr:
    """The split from a folder in the layout of the published annotations; every name is checked against the images.

    Raises ConfigurationError for a missing file and DamagedFile for one that is not whole.
    """
    captions, images = f"captions/cap.rc2.{split}.json", f"image_splits/split.rc2.{split}.json"
    pairs = entries(read_json(folder, captions, Path(captions).name), f"{folder}/{captions}", _pair)
    listed = read_json(folder, images, Path(images).name)
    paths = {str(name): str(path) for name, path in listed.items()}
    named = {name for pair in pairs for name in (pair.reference, *pair.members, *filter(None, [pair.target]))}
    require_names(named, set(paths), "image of a pair", f"{folder}/{images}")
    return Cirr(split, pairs, paths)


def rank_cirr(data: Cirr, queries: Array, gallery: Array, names: Sequence[str]) -> CirrRanking:
    """Rank the whole split for every pair: ``queries`` (pairs, d), ``gallery`` (n, d) of the images ``names``."""
    place = {name: row for row, name in enumerate(names)}
    first, subset, ranks, subset_ranks = [], [], [], []
    for block, order in rankings(queries, gallery, len(names)):
        for pair, whole in zip(data.pairs[block], order, strict=True):
            row = without(whole, place[pair.reference])
            members = {place[name] for name in pair.members if name != pair.reference}
            near = row[np.isin(row, list(members))]
            first.append([names[at] for at in row[: RECALLS[-1]]])
            subset.append([names[at] for at in near[: SUBSET_RECALLS[-1]]])
            if pair.target is not None:
                ranks.append(rank_among(row, place[pair.target]))
                subset_ranks.append(rank_among(near, place[pair.target]))
    known = len(ranks) == len(data.pairs)
    return CirrRanking(first, subset, np.array(ranks) if known else None, np.array(subset_ranks) if known else None)


def cirr_metrics(ranking: CirrRanking) -> dict[str, float]:
    """Percentages: R@K, Rs@K, and the mean of R@5 and Rs@1 that orders the server's entries. Empty without targets."""
    if ranking.ranks is None or ranking.subset_ranks is None:
        return {}
    figures = {f"R@{limit}": recall(ranking.ranks, limit) for limit in RECALLS}
    figures |= {f"Rs@{limit}": recall(ranking.subset_ranks, limit) for limit in SUBSET_RECALLS}
    return rounded({**figures, "(R@5 + Rs@1) / 2": mean_of([figures["R@5"], figures["Rs@1"]])})


def _pair(entry: dict[str, Any]) -> CirrPair:
    members = tuple(str(name) for name in entry["img_set"]["members"])
    reference, target = str(entry["reference"]), entry.get("target_hard")
    if len(set(members)) != GROUP_SIZE or reference not in members:
        raise ValueError(
            f"the group of pair {entry['pairid']} must have {GROUP_SIZE} members, the reference among them"
        )
    return CirrPair(int(entry["pairid"]), reference, str(entry["caption"]), members, target)
