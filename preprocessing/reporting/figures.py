"""The report's numbers: counts a bin, most frequent words, and the like."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

_WORD = re.compile(r"[^\W\d_]{3,}")
_COMMON = frozenset(
    "the and with for from that this are was has have its his her their there into over under near next onto "
    "while one two three some any all not but out off".split()
)


@dataclass(frozen=True)
class Bar:
    """One bar of a chart: ``share`` of the longest bar, 0 to 1."""

    label: str
    count: int
    share: float


def bars(counts: Sequence[tuple[str, int]]) -> list[Bar]:
    """A bar for each (label, count), in order."""
    longest = max((count for _, count in counts), default=0)
    return [Bar(label, count, count / longest if longest else 0.0) for label, count in counts]


def sizes(widths: Sequence[int], heights: Sequence[int]) -> list[Bar]:
    """Images by their shorter side in pixels, in bins that double."""
    sides = [min(pair) for pair in zip(widths, heights, strict=True)]
    return bars(_doubling(sides, "px"))


def shapes(widths: Sequence[int], heights: Sequence[int]) -> list[Bar]:
    """Images by the form of their frame."""
    edges = ((0.5, "very tall"), (0.8, "tall"), (1.25, "about square"), (2.0, "wide"), (math.inf, "very wide"))
    counts = Counter(
        next(label for edge, label in edges if width / height <= edge)
        for width, height in zip(widths, heights, strict=True)
    )
    return bars([(label, counts[label]) for _, label in edges if counts[label]])


def caption_lengths(captions: Sequence[str | None]) -> list[Bar]:
    """Images by the words of their caption, those without one first."""
    lengths = [len(caption.split()) for caption in captions if caption]
    without = len(captions) - len(lengths)
    return bars([*([("none", without)] if without else []), *_doubling(lengths, "words")])


def frequent_words(captions: Iterable[str | None], count: int = 14) -> list[Bar]:
    """The words that most captions hold, each counted once a caption."""
    counts: Counter[str] = Counter()
    for caption in captions:
        counts.update({word.lower() for word in _WORD.findall(caption or "")} - _COMMON)
    return bars(counts.most_common(count))


def kinds(sources: Iterable[str], count: int = 8) -> list[Bar]:
    """Images by the suffix of their file."""
    # A part of a tar or Parquet file: FILE#NAME@WHERE.
    names = (source.rpartition("@")[0] if "#" in source else source for source in sources)
    counts = Counter(PurePosixPath(name).suffix.lower().lstrip(".") or "none" for name in names)
    return bars(counts.most_common(count))


def _doubling(values: Sequence[int], unit: str) -> list[tuple[str, int]]:
    """(label, count) of the bins 1, 2-3, 4-7, 8-15, ... from the first that holds a value to the last."""
    bins = Counter(max(0, int(value).bit_length() - 1) for value in values)
    if not bins:
        return []
    named = []
    for number in range(min(bins), max(bins) + 1):
        low, high = 2**number, 2 ** (number + 1) - 1
        named.append((f"{low:,} {unit}" if low == high else f"{low:,} to {high:,} {unit}", bins[number]))
    return named
