"""A measured distribution of times, as it is: no form is assumed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Times:
    """Samples of a time, float64 (n,), ascending, in milliseconds."""

    samples: Floats

    @classmethod
    def of(cls, samples: ArrayLike) -> Self:
        values = np.sort(np.asarray(samples, np.float64))
        if values.ndim != 1 or not len(values) or not np.isfinite(values).all() or values[0] < 0:
            raise ValueError("The 'samples' of Times must be finite numbers of 0 or more, one at least.")
        return cls(values)

    @property
    def mean(self) -> float:
        return float(self.samples.mean())

    def scaled_to(self, median: float) -> Times:
        """The same form around another median."""
        return Times(self.samples * (median / float(np.median(self.samples))))

    def quantile(self, share: float) -> float:
        """The smallest sample that at least ``share`` of them do not exceed."""
        return float(self.samples[min(len(self.samples) - 1, int(np.ceil(share * len(self.samples))) - 1)])

    def draw(self, count: int, generator: np.random.Generator) -> Floats:
        """``count`` independent draws."""
        return np.asarray(generator.choice(self.samples, count))

    def with_stragglers(self, one_in: int, slower: float) -> Times:
        """The same, but that one time in ``one_in`` is ``slower`` times as long: what a larger cluster may add."""
        repeated = np.tile(self.samples, -(-20 * one_in // len(self.samples)))
        late = np.linspace(0, len(repeated) - 1, len(repeated) // one_in).astype(int)
        repeated[late] *= slower
        return Times(np.sort(repeated))
