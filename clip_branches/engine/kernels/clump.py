"""Expectation maximisation of a clump: two normal distributions of one covariance over the random images."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def _odds(columns, direction, slope, offset, out):  # type: ignore[no-untyped-def]
    """``out`` = slope x.direction + offset of the images, by column."""
    out[:] = 0.0
    for d in range(columns.shape[0]):
        w = direction[d]
        for i in range(np.uint64(columns.shape[1])):
            out[i] += columns[d, i] * w
    for i in range(out.shape[0]):
        out[i] = slope * out[i] + offset


@njit(nogil=True, cache=True)
def turn_to_clump(rest, columns, inverse, covariance, direction, inside, steps, empty):  # type: ignore[no-untyped-def]
    """Turn ``direction`` (d,) and what is ``inside`` (m,), 0 to 1, to the clump near them; (slope, offset).

    rest (m, d): the images, centred, and the same by column (d, m); inverse (d, d) of the covariance, with a ridge.
    """
    m, size = rest.shape
    total, held = np.zeros(size), np.empty(size)
    for i in range(m):
        for d in range(size):
            total[d] += rest[i, d]
    before = np.empty(size)
    odds = np.empty(m)
    slope, offset, mean = 0.0, 0.0, 0.0
    for _ in range(steps):
        held[:] = 0.0
        mean = 0.0
        for i in range(m):
            mean += inside[i]
            for d in range(size):
                held[d] += inside[i] * rest[i, d]
        share = min(max(mean / m, empty), 1.0 - empty)
        before[:] = direction
        direction[:] = 0.0
        high, low = held / (share * m), (total - held) / ((1.0 - share) * m)
        for a in range(size):
            for d in range(size):
                direction[a] += inverse[a, d] * (high[d] - low[d])
        variance = 0.0
        for a in range(size):
            for d in range(size):
                variance += direction[a] * covariance[a, d] * direction[d]
        if variance > 0.0:
            direction /= np.sqrt(variance)
        # Scores have unit variance: what is left within the two is what does not lie between their means.
        gap, middle = 0.0, 0.0
        for d in range(size):
            gap += direction[d] * (high[d] - low[d])
            middle += direction[d] * (high[d] + low[d]) / 2.0
        slope = gap / max(1e-2, 1.0 - share * (1.0 - share) * gap**2)
        offset = np.log(share / (1.0 - share)) - slope * middle
        _odds(columns, direction, slope, offset, odds)
        for i in range(m):
            inside[i] = 1.0 / (1.0 + np.exp(-min(max(odds[i], -40.0), 40.0)))
        moved, largest = 0.0, 0.0
        for d in range(size):
            moved, largest = max(moved, abs(direction[d] - before[d])), max(largest, abs(direction[d]))
        if moved < 1e-4 * largest:
            break
    return slope, offset
