"""Composition without a network: the weighted sum of two vectors, and the way from one to the other on the sphere."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from clip_branches.errors import InvalidInput

Array = npt.NDArray[np.float32]

_SMALLEST = 1e-12
_PARALLEL = 1e-6


def unit(vectors: npt.ArrayLike) -> Array:
    """``vectors`` (..., d) at length 1, float32; a row of zeros stays one."""
    rows = np.asarray(vectors, dtype=np.float32)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), _SMALLEST), np.float32)


def weighted_sum(looks: npt.ArrayLike, words: npt.ArrayLike, balance: float = 0.5) -> Array:
    """``unit((1 - balance) * look + balance * word)`` of unit rows (n, d), float32; ``balance`` in [0, 1].

    A plain sum: it finds what has something of both. It is the base line of composed retrieval, not a method of it.
    """
    first, second = _rows(looks, words, balance)
    return unit((1 - balance) * first + balance * second)


def slerp(looks: npt.ArrayLike, words: npt.ArrayLike, balance: float = 0.5) -> Array:
    """Spherical linear interpolation of unit rows (n, d), float32: the look at ``balance`` 0, the words at 1.

    ``sin((1 - b) w) / sin(w) * look + sin(b w) / sin(w) * word`` with w the angle between them (Shoemake 1985); where
    they point the same way or opposite ways, the weighted sum.
    """
    first, second = _rows(looks, words, balance)
    angle = np.arccos(np.clip((first * second).sum(axis=1, keepdims=True), -1.0, 1.0)).astype(np.float64)
    sine = np.sin(angle)
    with np.errstate(divide="ignore", invalid="ignore"):
        mixed = (np.sin((1 - balance) * angle) * first + np.sin(balance * angle) * second) / sine
    return unit(np.where(sine > _PARALLEL, mixed, (1 - balance) * first + balance * second))


def _rows(looks: npt.ArrayLike, words: npt.ArrayLike, balance: float) -> tuple[Array, Array]:
    first, second = np.asarray(looks, dtype=np.float32), np.asarray(words, dtype=np.float32)
    if first.ndim != 2 or first.shape != second.shape:
        raise InvalidInput(
            "The 'looks' and 'words' to be composed must both have shape (n, d). "
            f"Got {first.shape} and {second.shape} instead."
        )
    if not 0.0 <= balance <= 1.0:
        raise InvalidInput(f"The 'balance' must be from 0 (look alone) to 1 (words alone). Got {balance} instead.")
    return first, second
