"""Sorting an answer's keys by their digits: three passes over the scores, then the few ties by id.

Comparing costs a mispredicted branch a step; a pass by digits costs a count and a copy, whatever the keys are.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_BITS = 11  # a digit: so many places still fit the second cache
_PLACES = 1 << _BITS
_DIGITS = 3  # of half a key
_LONGEST_TIE = 32  # equal scores in a row that are sorted by insertion


@njit(nogil=True, cache=True)
def sort_half(keys, spare, lowest):  # type: ignore[no-untyped-def]
    """Sort ``keys`` uint64 (n,) by the 32 bits from ``lowest`` on, stably: the array, of the two, that holds them.

    ``spare`` (n,) is scratch. A digit that is the same everywhere is passed over.
    """
    n = keys.shape[0]
    mask = np.uint64(_PLACES - 1)
    half = np.uint64(0xFFFF_FFFF)
    counts = np.zeros(_DIGITS * _PLACES, np.int64)
    base = np.uint64(lowest)
    for i in range(np.uint64(n)):
        word = (keys[i] >> base) & half
        counts[word & mask] += 1
        counts[np.uint64(_PLACES) + ((word >> np.uint64(_BITS)) & mask)] += 1
        counts[np.uint64(2 * _PLACES) + (word >> np.uint64(2 * _BITS))] += 1
    source, target = keys, spare
    for digit in range(_DIGITS):
        own = counts[digit * _PLACES : (digit + 1) * _PLACES]
        shift = np.uint64(digit * _BITS)
        if n == 0 or own[(((source[0] >> base) & half) >> shift) & mask] == n:
            continue
        at = np.int64(0)
        for place in range(_PLACES):
            count = own[place]
            own[place] = at
            at += count
        for i in range(np.uint64(n)):
            key = source[i]
            place = (((key >> base) & half) >> shift) & mask
            target[np.uint64(own[place])] = key
            own[place] += 1
        source, target = target, source
    return source


@njit(nogil=True, cache=True)
def settle_ties(keys, names):  # type: ignore[no-untyped-def]
    """Order the keys of equal upper halves by what their lower halves name; False where too many are equal.

    A lower half is the name itself, or, where there are ``names``, its place in them.
    """
    by_place = names.shape[0] > 0
    half, upper = np.uint64(0xFFFF_FFFF), np.uint64(32)
    first = 0
    for i in range(1, keys.shape[0]):
        key = keys[i]
        if key >> upper != keys[i - 1] >> upper:
            first = i
            continue
        if i - first >= _LONGEST_TIE:
            return False
        name = names[key & half] if by_place else key & half
        j = i
        while j > first:
            other = names[keys[j - 1] & half] if by_place else keys[j - 1] & half
            if other <= name:
                break
            keys[j] = keys[j - 1]
            j -= 1
        keys[j] = key
    return True
