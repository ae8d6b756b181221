"""The order of an answer as one sort of integers: a score's bits, turned to rise as it falls, above the id."""

from __future__ import annotations

import numpy as np
from numba import njit

_SIGN = np.uint32(0x8000_0000)
_REST = np.uint32(0x7FFF_FFFF)
_LOW = np.uint64(0xFFFF_FFFF)


@njit(nogil=True, cache=True)
def make_keys(bits, ids, keys):  # type: ignore[no-untyped-def]
    """``keys[i]``: best first when ascending. bits: uint32 views of finite float32 scores; ids below 2^32."""
    for i in range(bits.shape[0]):
        b = bits[i]
        if b == _SIGN:  # -0 equals 0
            b = np.uint32(0)
        falling = b if b & _SIGN else np.uint32(~b & _REST)
        keys[i] = (np.uint64(falling) << np.uint64(32)) | np.uint64(ids[i])


@njit(nogil=True, cache=True)
def split_keys(keys, bits, ids):  # type: ignore[no-untyped-def]
    """The scores' bits and the ids that the keys were made of."""
    for i in range(keys.shape[0]):
        falling = np.uint32(keys[i] >> np.uint64(32))
        bits[i] = falling if falling & _SIGN else np.uint32(~falling & _REST)
        ids[i] = keys[i] & _LOW
