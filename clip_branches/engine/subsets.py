"""Feature subsets: a box constrains the features of one subset only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from clip_branches.engine.checks import DIMS

# (how many, features of each): as published, and all of them, which one index for all boxes makes as cheap to answer
SHAPE = ((64, 4), (32, 6), (8, 8), (1, DIMS))


@dataclass(frozen=True)
class Subsets:
    """Subset ``i`` holds ``features[starts[i]:starts[i + 1]]``."""

    starts: NDArray[np.int64]
    features: NDArray[np.uint8]

    @property
    def count(self) -> int:
        return len(self.starts) - 1


@cache
def feature_subsets(seed: int) -> Subsets:
    """64 subsets of 4, 32 of 6 and 8 of 8 features, each drawn without replacement, and all 32; a seed fixes them."""
    generator = np.random.default_rng(seed)
    drawn = [generator.choice(DIMS, size, replace=False) for count, size in SHAPE for _ in range(count)]
    starts = np.cumsum([0, *(len(subset) for subset in drawn)])
    features = np.concatenate(drawn).astype(np.uint8)
    for array in (starts, features):
        array.setflags(write=False)
    return Subsets(starts.astype(np.int64), features)
