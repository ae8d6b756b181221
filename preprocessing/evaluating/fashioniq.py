"""Composed retrieval on FashionIQ (Wu et al., CVPR 2021): one gallery a category, the reference stays in it.

R@10 and R@50 are taken in each category and averaged over the three. The two captions of a pair are joined by " and ",
without the white space and full stops around them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from preprocessing.evaluating.annotations import entries, read_json, require_names
from preprocessing.evaluating.ranking import mean_of, rank_among, rankings, recall, rounded

Array = npt.NDArray[np.float32]
Category = Literal["dress", "shirt", "toptee"]

CATEGORIES: Final[tuple[Category, ...]] = ("dress", "shirt", "toptee")
RECALLS: Final = (10, 50)


@dataclass(frozen=True)
class FashionPair:
    candidate: str
    captions: tuple[str, str]
    target: str | None = None

    @property
    def caption(self) -> str:
        """Both captions as one text."""
        return " and ".join(caption.strip(" .?,\n") for caption in self.captions)


@dataclass(frozen=True)
class FashionIQ:
    """A category of a split: its pairs and its gallery, both in the files' order."""

    category: Category
    pairs: list[FashionPair]
    images: list[str]


def read_fashioniq(folder: Path, category: Category, split: str = "val") -> FashionIQ:
    """A category from a folder in the layout of the published annotations.

    Raises ConfigurationError for a missing file and DamagedFile for one that is not whole.
    """
    captions = f"captions/cap.{category}.{split}.json"
    listed = f"image_splits/split.{category}.{split}.json"
    pairs = entries(read_json(folder, captions, Path(captions).name), f"{folder}/{captions}", _pair)
    images = entries(read_json(folder, listed, Path(listed).name), f"{folder}/{listed}", str)
    named = {name for pair in pairs for name in (pair.candidate, *filter(None, [pair.target]))}
    require_names(named, set(images), "image of a pair", f"{folder}/{listed}")
    return FashionIQ(category, pairs, list(dict.fromkeys(images)))


def fashioniq_ranks(data: FashionIQ, queries: Array, gallery: Array, names: Sequence[str]) -> npt.NDArray[np.int64]:
    """Place of the target, from 0, in the category's gallery for every pair that has one."""
    place = {name: row for row, name in enumerate(names)}
    ranks = []
    for block, order in rankings(queries, gallery, len(names)):
        pairs = zip(data.pairs[block], order, strict=True)
        ranks += [rank_among(row, place[pair.target]) for pair, row in pairs if pair.target is not None]
    return np.array(ranks, dtype=np.int64)


def fashioniq_metrics(ranks: dict[Category, npt.NDArray[np.int64]]) -> dict[str, dict[str, float]]:
    """Percentages R@10, R@50 and their mean for each category, and the averages over the categories."""
    figures = {str(name): _figures(values) for name, values in ranks.items()}
    names = ("R@10", "R@50", "mean")
    average = {name: mean_of([values[name] for values in figures.values()]) for name in names}
    return {name: rounded(values) for name, values in {**figures, "average": average}.items()}


def _figures(ranks: npt.NDArray[np.int64]) -> dict[str, float]:
    recalls = {f"R@{limit}": recall(ranks, limit) for limit in RECALLS}
    return {**recalls, "mean": mean_of(list(recalls.values()))}


def _pair(entry: dict[str, Any]) -> FashionPair:
    first, second = (str(caption) for caption in entry["captions"])
    return FashionPair(str(entry["candidate"]), (first, second), entry.get("target"))
