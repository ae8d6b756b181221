"""Queries worth trying first, taken from a catalogue's own captions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

_LONGEST = 60


def suggest_examples(captions: Sequence[str | None], count: int = 6) -> list[str]:
    """Up to ``count`` short captions: the most frequent where captions repeat, else some spread over the catalogue."""
    short = [caption for caption in captions if caption and len(caption) <= _LONGEST]
    counts = Counter(short)
    repeated = [caption for caption, times in counts.most_common(count) if times > 1]
    if len(repeated) == count or not counts:
        return repeated
    unique = list(counts)
    spread = unique[:: max(1, len(unique) // count)]
    return list(dict.fromkeys([*repeated, *spread]))[:count]
