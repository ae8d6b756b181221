"""Checks of what callers hand to the engine; kernels trust what has passed here."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clip_branches.errors import InvalidInput

DIMS = 32

Codes = NDArray[np.uint8]
Rows = NDArray[np.int64]
Floats = NDArray[np.float32]


def check_codes(codes: Any, owner: str, *, empty: bool = False) -> Codes:
    """``codes`` as a C-contiguous uint8 array of shape (n, 32); integers outside 0..255 are refused, not wrapped."""
    array = np.asarray(codes)
    if array.ndim != 2 or array.shape[1] != DIMS or (not empty and not len(array)):
        least = "n >= 0" if empty else "n >= 1"
        raise InvalidInput(f"The 'codes' of {owner} must be of shape (n, {DIMS}), {least}. Got {array.shape} instead.")
    if array.dtype != np.uint8:
        if array.dtype.kind not in "iu":
            raise InvalidInput(f"The 'codes' of {owner} must be integers from 0 to 255. Got {array.dtype} instead.")
        if array.size and (array.min() < 0 or array.max() > 255):
            raise InvalidInput(
                f"The 'codes' of {owner} must be integers from 0 to 255. Got {array.min()} to {array.max()} instead."
            )
    return np.ascontiguousarray(array, dtype=np.uint8)


def check_labels(labels: Any, n: int, owner: str) -> NDArray[np.bool_]:
    """0/1 labels of shape (n,), at least one of them 1, as bools."""
    array = np.asarray(labels)
    if array.shape != (n,):
        raise InvalidInput(f"The 'labels' of {owner} must be of shape ({n},), one a row. Got {array.shape} instead.")
    if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        raise InvalidInput(f"The 'labels' of {owner} must be 0 (wrong) or 1 (right). Got {array[:8]!r} instead.")
    positive = array.astype(bool)
    if not positive.any():
        raise InvalidInput(f"The 'labels' of {owner} must hold at least one 1 (a right example). Got only 0 instead.")
    return positive


def check_weights(weights: ArrayLike | None, n: int, owner: str) -> NDArray[np.float64]:
    """Sample weights of shape (n,), finite and not negative; all ones for None."""
    if weights is None:
        return np.ones(n)
    array = np.asarray(weights, dtype=np.float64)
    if array.shape != (n,) or not np.isfinite(array).all() or (array < 0).any():
        raise InvalidInput(
            f"The 'sample_weight' of {owner} must be {n} finite numbers >= 0. Got shape {array.shape} instead."
        )
    return array


def check_sample(
    codes: Any, labels: Any, weights: ArrayLike | None, unlabelled: Any, owner: str
) -> tuple[Codes, NDArray[np.bool_], NDArray[np.float64], Codes]:
    """A training set: codes (n, 32), right (n,), weight (n,) > 0 and unlabelled codes (m, 32), m = 0 for None.

    Rows without weight are left out.
    """
    codes = check_codes(codes, owner)
    right = check_labels(labels, len(codes), owner)
    weight = check_weights(weights, len(codes), owner)
    if not weight[right].any():
        raise InvalidInput(f"The 'sample_weight' of {owner} must be over 0 for a right example. Got only 0 instead.")
    rest = codes[:0] if unlabelled is None else check_codes(unlabelled, owner, empty=True)
    kept = weight > 0
    return codes[kept], right[kept], weight[kept], rest


def check_rows(rows: Any, n: int, owner: str) -> Rows:
    """Row numbers of shape (k,), each from 0 to n - 1."""
    array = np.asarray(rows)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise InvalidInput(
            f"The 'rows' of {owner} must be integers of shape (k,). Got {array.dtype} {array.shape} instead."
        )
    array = array.astype(np.int64)
    if array.size and (array.min() < 0 or array.max() >= n):
        raise InvalidInput(
            f"The 'rows' of {owner} must be from 0 to {n - 1}. Got {array.min()} to {array.max()} instead."
        )
    return array


def check_linear(weights: Any, bias: float, owner: str) -> tuple[Floats, np.float32]:
    """Weights of shape (32,) and a bias as float32, small enough that no score overflows."""
    array = np.asarray(weights, dtype=np.float32)
    offset = np.float32(bias)
    if array.shape != (DIMS,):
        raise InvalidInput(f"The 'weights' of {owner} must be of shape ({DIMS},). Got {array.shape} instead.")
    if not np.abs(array).sum(dtype=np.float64) * 255 + abs(float(offset)) < 1e38:  # also refuses NaN
        raise InvalidInput(f"The 'weights' and 'bias' of {owner} must be finite, every score below 1e38.")
    return array, offset


def check_count(k: Any, name: str, owner: str) -> int:
    """An integer of at least 1."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise InvalidInput(f"The '{name}' of {owner} must be an integer >= 1. Got {k!r} instead.")
    return int(k)
