"""Scores as sums of 16-bit integers, block by block, with bounds on what the integers leave open.

For one block, with codes between low_d and high_d, weights are rounded to integers q_d of a step s chosen so that
sum |q_d| (high_d - low_d) < 2^16. Then A = sum q_d c_d, shifted by what it is at least, fits 16 bits, and integer
sums that wrap round on the way come out right all the same. With errors e_d = w_d - s q_d, the exact score is

    bias + s A + sum e_d c_d,   where   |sum e_d c_d - sum e_d mid_d|  <=  sum |e_d| half_d   over the block's zone,

so A alone puts a row surely above a threshold, surely below, or leaves it open; the float32 score, whose roundings are
allowed for, decides what is open.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from clip_branches.engine.kernels.masks import read_through

# 33 additions and 32 products in float32, each off by at most 2^-24 of the sum of absolute terms; doubled.
_ROUNDING = 80.0 * 2.0**-24
ALL = -32768  # the least 16-bit integer: every sum reaches it


@njit(nogil=True, cache=True)
def quantise(weights, bias, low, high, whole):  # type: ignore[no-untyped-def]
    """``whole`` (dims,) = q; returns (s, least value of A, upper, lower) of a block.

    s A + lower <= score <= s A + upper for each of its rows, roundings of the float32 score included.
    """
    dims = weights.shape[0]
    spread, halves = 0.0, 0.0
    for d in range(dims):
        width = np.float64(high[d]) - np.float64(low[d])
        spread += abs(np.float64(weights[d])) * width
        halves += 0.5 * width
    step = spread / (65_000.0 - halves)
    least = np.int64(0)
    middle = np.float64(bias)
    reach = 0.0
    size = abs(np.float64(bias))
    for d in range(dims):
        w = np.float64(weights[d])
        below, above = np.float64(low[d]), np.float64(high[d])
        q = np.rint(w / step) if above > below and step > 0.0 else 0.0
        whole[d] = np.int64(q)
        least += np.int64(q) * np.int64(low[d] if q > 0 else high[d])
        error = w - step * q
        middle += error * 0.5 * (below + above)
        reach += abs(error) * 0.5 * (above - below)
        size += abs(w) * above
    reach += _ROUNDING * size
    return step, least, middle + reach, middle - reach


@njit(nogil=True, cache=True)
def add_eight(data, base, size, d, whole, sums):  # type: ignore[no-untyped-def]
    """Add dimensions ``d`` to ``d + 7`` to ``sums[:size]``; int16 throughout, wrapping round."""
    w0, w1, w2, w3 = whole[d], whole[d + 1], whole[d + 2], whole[d + 3]
    w4, w5, w6, w7 = whole[d + 4], whole[d + 5], whole[d + 6], whole[d + 7]
    c0 = data[base + d * size : base + (d + 1) * size]
    c1 = data[base + (d + 1) * size : base + (d + 2) * size]
    c2 = data[base + (d + 2) * size : base + (d + 3) * size]
    c3 = data[base + (d + 3) * size : base + (d + 4) * size]
    c4 = data[base + (d + 4) * size : base + (d + 5) * size]
    c5 = data[base + (d + 5) * size : base + (d + 6) * size]
    c6 = data[base + (d + 6) * size : base + (d + 7) * size]
    c7 = data[base + (d + 7) * size : base + (d + 8) * size]
    for r in range(size):
        s = np.int16(sums[r] + np.int16(w0 * c0[r]))
        s = np.int16(s + np.int16(w1 * c1[r]))
        s = np.int16(s + np.int16(w2 * c2[r]))
        s = np.int16(s + np.int16(w3 * c3[r]))
        s = np.int16(s + np.int16(w4 * c4[r]))
        s = np.int16(s + np.int16(w5 * c5[r]))
        s = np.int16(s + np.int16(w6 * c6[r]))
        sums[r] = np.int16(s + np.int16(w7 * c7[r]))


@njit(nogil=True, cache=True)
def reaching(sums, least):  # type: ignore[no-untyped-def]
    """Whether any sum is at least ``least`` (over a slice from 0: only then are the steps made into vectors)."""
    found = np.uint8(0)
    for r in range(sums.shape[0]):
        found = np.uint8(found | np.uint8(sums[r] >= least))
    return found != 0


@njit(nogil=True, cache=True)
def bound_of(threshold, offset, step, least):  # type: ignore[no-untyped-def]
    """The least shifted sum with s A + offset >= threshold, as a float: it may lie outside 16 bits."""
    return np.ceil((np.float64(threshold) - offset) / step) - np.float64(least) + ALL


@njit(nogil=True, cache=True)
def add_up(data, words, base, size, whole, least, sums):  # type: ignore[no-untyped-def]
    """``sums[:size]`` = A - least + ALL of the rows of a block; the value returned is of no use but must be used."""
    # ((x + 2^15) mod 2^16) - 2^15: the 16 low bits, as a signed number
    sums[:size] = np.int16((-least + ALL + 32_768) % 65_536 - 32_768)
    unused = np.uint64(0)
    for d in range(0, whole.shape[0], 8):
        unused += read_through(words[(base + d * size) // 8 : (base + (d + 8) * size) // 8])
        add_eight(data, base, size, d, whole, sums)
    return unused
