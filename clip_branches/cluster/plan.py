"""Which shard holds which segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.checks import Rows, check_count


@dataclass(frozen=True)
class Plan:
    """``held[shard]``: the numbers of its segments, ascending. Of each segment, ``shard`` and ``start``: its first
    place among the rows of that shard, int64 (segments,)."""

    held: tuple[tuple[int, ...], ...]
    shard: Rows
    start: Rows

    @classmethod
    def of(cls, rows: Sequence[int], shards: int) -> Self:
        """Segments of so many rows on ``shards`` shards, or on fewer where there are fewer segments.

        The largest first, each to the shard with the fewest rows so far (longest processing time first, Graham 1969);
        ties go to the first. A segment is never cut: it is what files, checksums and the index are of.
        """
        shards = min(check_count(shards, "shards", "Plan.of"), len(rows))
        held: list[list[int]] = [[] for _ in range(shards)]
        loads = [0] * shards
        for segment in sorted(range(len(rows)), key=lambda number: (-rows[number], number)):
            least = loads.index(min(loads))
            held[least].append(segment)
            loads[least] += rows[segment]
        shard, start = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64)
        for number, segments in enumerate(held):
            segments.sort()
            place = 0
            for segment in segments:
                shard[segment], start[segment] = number, place
                place += rows[segment]
        return cls(tuple(tuple(segments) for segments in held), shard, start)

    def places(self, segments: Rows, rows: Rows) -> tuple[NDArray[np.int64], Rows]:
        """Of rows of segments, both int64 (k,): the shard that holds each, and its place there."""
        return self.shard[segments], self.start[segments] + rows
