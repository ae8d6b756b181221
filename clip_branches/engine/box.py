"""Boxes: closed ranges over a few code dimensions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.checks import DIMS, Codes, check_codes
from clip_branches.engine.kernels.scan import box_members
from clip_branches.errors import InvalidInput


@dataclass(frozen=True)
class Box:
    """Rows with ``low[i] <= code[features[i]] <= high[i]`` for every i (closed on both sides).

    features: distinct dimensions, 0 to 31; low, high: codes, 0 to 255, one a feature. ``low > high`` is allowed and
    holds nothing. A box without features holds everything.

    >>> Box([3, 7], [10, 0], [90, 255]).sql()
    'f3 BETWEEN 10 AND 90'
    """

    features: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]

    def __init__(self, features: Sequence[int], low: Sequence[int], high: Sequence[int]) -> None:
        object.__setattr__(self, "features", _integers(features, "features", DIMS - 1))
        object.__setattr__(self, "low", _integers(low, "low", 255))
        object.__setattr__(self, "high", _integers(high, "high", 255))
        if len(set(self.features)) != len(self.features):
            raise InvalidInput(f"The 'features' of Box must be distinct. Got {self.features} instead.")
        if not len(self.features) == len(self.low) == len(self.high):
            raise InvalidInput(
                "The 'features', 'low' and 'high' of Box must be equally many. "
                f"Got {len(self.features)}, {len(self.low)} and {len(self.high)} instead."
            )

    @property
    def empty(self) -> bool:
        """Whether no code can lie inside."""
        return any(low > high for low, high in zip(self.low, self.high, strict=True))

    @cached_property
    def id(self) -> str:
        """12 hex digits that name what the box holds: the same for every way of writing the same ranges."""
        ranges = sorted(zip(self.features, self.low, self.high, strict=True))
        limits = "empty" if self.empty else ",".join(f"{f}:{a}-{b}" for f, a, b in ranges if a > 0 or b < 255)
        return hashlib.sha256(limits.encode()).hexdigest()[:12]

    def contains(self, codes: Any) -> NDArray[np.bool_]:
        """Which rows of ``codes`` (n, 32) lie inside: bools of shape (n,)."""
        inside: NDArray[np.bool_] = members([self], check_codes(codes, "Box.contains", empty=True))[0]
        return inside

    def sql(self) -> str:
        """The box as a WHERE condition over columns f0 to f31; sides that exclude nothing are left out."""
        if self.empty:
            return "FALSE"
        terms = []
        for feature, low, high in sorted(zip(self.features, self.low, self.high, strict=True)):
            if low > 0 and high < 255:
                terms.append(f"f{feature} BETWEEN {low} AND {high}")
            elif low > 0:
                terms.append(f"f{feature} >= {low}")
            elif high < 255:
                terms.append(f"f{feature} <= {high}")
        return " AND ".join(terms) or "TRUE"


@dataclass(frozen=True)
class PackedBoxes:
    """Boxes as flat arrays for the kernels: box ``i`` holds entries ``starts[i]:starts[i + 1]``, narrowest first."""

    starts: NDArray[np.int64]
    features: NDArray[np.uint8]
    lows: NDArray[np.uint8]
    highs: NDArray[np.uint8]


def pack(boxes: Sequence[Box]) -> PackedBoxes:
    """Flatten the boxes in their order; a closed full range is dropped, an empty box keeps one impossible range."""
    starts, features, lows, highs = [0], [], [], []
    for box in boxes:
        entries = sorted(
            (high - low, feature, low, high)
            for feature, low, high in zip(box.features, box.low, box.high, strict=True)
            if low > 0 or high < 255
        )
        for _, feature, low, high in entries[:1] if box.empty else entries:
            features.append(feature)
            lows.append(low)
            highs.append(high)
        starts.append(len(features))
    as_bytes = (np.array(values, dtype=np.uint8) for values in (features, lows, highs))
    return PackedBoxes(np.array(starts, dtype=np.int64), *as_bytes)


def members(boxes: Sequence[Box], codes: Codes) -> NDArray[np.bool_]:
    """``members[i, r]``: does row r of ``codes`` (n, 32) lie in box i; bools of shape (boxes, n)."""
    packed = pack(boxes)
    inside = np.empty((len(boxes), len(codes)), dtype=np.uint8)
    box_members(codes, packed.starts, packed.features, packed.lows, packed.highs, inside)
    return inside.astype(bool)


def check_boxes(boxes: Any, owner: str) -> list[Box]:
    """``boxes`` as a list of Box."""
    if isinstance(boxes, Box) or not isinstance(boxes, Sequence):
        raise InvalidInput(f"The 'boxes' of {owner} must be a list of Box. Got {type(boxes).__name__} instead.")
    for box in boxes:
        if not isinstance(box, Box):
            raise InvalidInput(
                f"The 'boxes' of {owner} must be a list of Box. Got a {type(box).__name__} in it instead."
            )
    return list(boxes)


def _integers(values: Any, name: str, highest: int) -> tuple[int, ...]:
    array = np.asarray(values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise InvalidInput(f"The '{name}' of Box must be a list of integers. Got {values!r} instead.")
    if array.size and (array.min() < 0 or array.max() > highest):
        raise InvalidInput(f"The '{name}' of Box must be from 0 to {highest}. Got {values!r} instead.")
    return tuple(int(value) for value in array)
