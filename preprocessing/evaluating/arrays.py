"""``.npy`` files that an evaluation takes, read with errors that name the file; nothing is loaded by pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from clip_branches.composing.sums import unit
from clip_branches.errors import ConfigurationError, DamagedFile

Array = npt.NDArray[np.float32]


def read_embeddings(path: Path, count: int) -> Array:
    """Unit rows (count, d), float32, of the embeddings in ``path``.

    Raises DamagedFile for another number of rows, for what is not finite and for rows of zeros.
    """
    rows = _read(path)
    if rows.ndim != 2 or len(rows) != count or rows.dtype.kind != "f":
        raise DamagedFile(
            f"{path} must hold embeddings of shape ({count}, d), a row an image in the order of the data set. "
            f"Got {rows.dtype} of shape {rows.shape} instead."
        )
    values = np.asarray(rows, dtype=np.float32)
    wrong = np.flatnonzero(~(np.isfinite(values).all(axis=1) & values.any(axis=1)))
    if len(wrong):
        raise DamagedFile(
            f"Every row of {path} must be finite and not all zero. {len(wrong):,} are not, first row {wrong[0]:,}."
        )
    return unit(values)


def read_rankings(path: Path, count: int) -> npt.NDArray[np.integer]:
    """The rankings (count, count) in ``path``, mapped and not read; DamagedFile for another shape or type."""
    rows = _read(path, mapped=True)
    if rows.shape != (count, count) or rows.dtype.kind not in "iu":
        raise DamagedFile(
            f"{path} must hold full rankings of shape ({count}, {count}): a row an image, the numbers of all images, "
            f"most alike first. Got {rows.dtype} of shape {rows.shape} instead."
        )
    return rows


def _read(path: Path, *, mapped: bool = False) -> npt.NDArray[Any]:
    if not path.is_file():
        raise ConfigurationError(f"The file {path} must be a .npy file. There is none.")
    try:
        found = np.load(path, allow_pickle=False, mmap_mode="r" if mapped else None)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise DamagedFile(f"{path} must be a whole .npy file of numbers. Got: {error}") from error
    if not isinstance(found, np.ndarray):
        raise DamagedFile(f"{path} must be one .npy array. Got an archive of several instead.")
    return found
