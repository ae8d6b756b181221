"""Sums over rows of a block that are marked by bytes, each 0 or 1; eight of them are one word."""

from __future__ import annotations

import numpy as np
from numba import njit
from numba.cpython.unsafe.numbers import trailing_zeros

_EVEN = np.uint64(0x00FF_00FF_00FF_00FF)
_FOLD = np.uint64(0x0001_0001_0001_0001)


@njit(nogil=True, cache=True, inline="always")
def ones(marks, words, at, size):  # type: ignore[no-untyped-def]
    """Sum of ``marks[at:at + size]``; ``words`` is the same memory, eight a word, and ``at`` a multiple of 8."""
    total = np.int64(0)
    first = np.uint64(at // 8)
    for left in range(0, size // 8, 255):  # words are added without a carry from byte to byte
        lanes = np.uint64(0)
        for i in range(np.uint64(left), np.uint64(min(left + 255, size // 8))):
            lanes += words[first + i]
        lanes = (lanes & _EVEN) + ((lanes >> np.uint64(8)) & _EVEN)
        total += np.int64((lanes * _FOLD) >> np.uint64(48))
    for r in range(at + size // 8 * 8, at + size):
        total += marks[r]
    return total


@njit(nogil=True, cache=True, inline="always")
def common(marks, words, at, others, other_words, size):  # type: ignore[no-untyped-def]
    """Rows marked both in ``marks[at:at + size]`` and in ``others[:size]``; ``at`` is a multiple of 8."""
    total = np.int64(0)
    first = at // 8
    for left in range(0, size // 8, 255):
        lanes = np.uint64(0)
        for i in range(np.uint64(left), np.uint64(min(left + 255, size // 8))):
            lanes += words[np.uint64(first) + i] & other_words[i]
        lanes = (lanes & _EVEN) + ((lanes >> np.uint64(8)) & _EVEN)
        total += np.int64((lanes * _FOLD) >> np.uint64(48))
    for r in range(size // 8 * 8, size):
        total += marks[at + r] & others[r]
    return total


@njit(nogil=True, cache=True, inline="always")
def places_of(marks, words, size, places):  # type: ignore[no-untyped-def]
    """``places[:count]`` = where ``marks[:size]`` is 1, ascending; ``words`` is the same memory, eight a word."""
    count = np.int64(0)
    for w in range((size + 7) // 8):
        word = words[w]
        if 8 * w + 8 > size:  # beyond the last row
            word &= (np.uint64(1) << np.uint64(8 * (size - 8 * w))) - np.uint64(1)
        while word != 0:
            places[count] = 8 * w + (np.int64(trailing_zeros(word)) >> 3)  # type: ignore[call-arg]
            count += 1
            word &= word - np.uint64(1)
    return count


@njit(nogil=True, cache=True, inline="always")
def both(marks, at, others, to, size):  # type: ignore[no-untyped-def]
    """Take from ``others[to:to + size]`` the marks of rows without one in ``marks[at:at + size]``."""
    first, second = np.uint64(at), np.uint64(to)
    for r in range(np.uint64(size)):
        others[second + r] = np.uint8(others[second + r] & marks[first + r])


@njit(nogil=True, cache=True, inline="always")
def reaching(scores, size, bound, marks):  # type: ignore[no-untyped-def]
    """Mark the rows whose score is at least ``bound``."""
    for r in range(np.uint64(size)):
        marks[r] = np.uint8(scores[r] >= bound)


@njit(nogil=True, cache=True, inline="always")
def fill(marks, value, size):  # type: ignore[no-untyped-def]
    """``marks[:size]`` = value, a byte."""
    one = np.uint8(value)
    for r in range(np.uint64(size)):
        marks[r] = one


@njit(nogil=True, cache=True, inline="always")
def unite(marks, union, size, begun):  # type: ignore[no-untyped-def]
    """Add ``marks`` to those of ``union``, which are none yet unless it is ``begun``."""
    if begun:
        for r in range(np.uint64(size)):
            union[r] = np.uint8(union[r] | marks[r])
    else:
        for r in range(np.uint64(size)):
            union[r] = marks[r]


@njit(nogil=True, cache=True, inline="always")
def add_marks(marks, at, size, counts):  # type: ignore[no-untyped-def]
    """Add ``marks[at:at + size]`` to ``counts[:size]``, bytes that hold what they add up to."""
    first = np.uint64(at)
    for r in range(np.uint64(size)):
        counts[r] = np.uint8(counts[r] + marks[first + r])


@njit(nogil=True, cache=True, inline="always")
def any_and_single(counts, size, any_, single):  # type: ignore[no-untyped-def]
    """Mark rows whose count is not 0, and those of which it is 1."""
    for r in range(np.uint64(size)):
        any_[r] = np.uint8(counts[r] != np.uint8(0))
        single[r] = np.uint8(counts[r] == np.uint8(1))


@njit(nogil=True, cache=True, inline="always")
def turn_away(off, on, size, marks):  # type: ignore[no-untyped-def]
    """Unmark the rows that some box counted in ``off`` holds and none counted in ``on``."""
    for r in range(np.uint64(size)):
        stays = np.uint8(np.uint8(off[r] == np.uint8(0)) | np.uint8(on[r] != np.uint8(0)))
        marks[r] = np.uint8(marks[r] & stays)
