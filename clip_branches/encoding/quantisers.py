"""The other quantisers: the published one, which fits nothing, and one that gives every code the same share of images.

Both are monotone in every dimension, as the affine one is. The engine scores codes by an affine map of each dimension
(``low_``, ``step_``): exact for the published one, and for equal shares the line that fits their values best.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt

from clip_branches.encoding.quantiser import (
    Quantiser,
    QuantiserKind,
    checked_codes,
    checked_to_fit,
    checked_vectors,
)
from clip_branches.errors import DamagedFile

_CODES = 256


class UniformQuantiser(Quantiser):
    """``code = floor(clamp(127.5 x + 128, 0, 255))`` in every dimension, as CLIP-Branches (SIGIR 2024) published it.

    Codes of other programs' catalogues can be read with it. It takes nothing from the data but their width: of a 32-d
    unit vector's coordinate it uses about half of the 256 codes.
    """

    kind: ClassVar[QuantiserKind] = "uniform"

    def fit(self, vectors: npt.ArrayLike) -> Self:
        """Take the width of ``vectors``, float of shape (n, d) with n >= 1."""
        dimensions = checked_to_fit(vectors).shape[1]
        # The middle of what a code stands for: floor(127.5 x + 128) = q from x = (q - 128) / 127.5 on.
        self.low_ = np.full(dimensions, -1.0, dtype=np.float32)
        self.step_ = np.full(dimensions, 1 / 127.5, dtype=np.float32)
        return self

    def encode(self, vectors: npt.ArrayLike) -> npt.NDArray[np.uint8]:
        rows = checked_vectors(vectors, self._dimensions())
        codes: npt.NDArray[np.uint8] = np.floor(np.clip(127.5 * rows + 128, 0, 255)).astype(np.uint8)
        return codes

    def _content(self) -> dict[str, Any]:
        return {**super()._content(), "version": 2, "kind": self.kind}


class EquiDepthQuantiser(Quantiser):
    """Borders at the 1/256 quantiles of each dimension; a code stands for the mean of what was fitted between two.

    Attributes
    ----------
    borders_ : ndarray of shape (d, 255), float32, ascending: code = number of borders at or below the value.
    values_ : ndarray of shape (d, 256), float32, ascending, what each code stands for.
    low_, step_ : the least-squares line through the values, for scores that are linear in the codes.
    """

    kind: ClassVar[QuantiserKind] = "equi-depth"
    borders_: npt.NDArray[np.float32]
    values_: npt.NDArray[np.float32]

    def fit(self, vectors: npt.ArrayLike) -> Self:
        """Take the quantiles of each dimension from ``vectors``, float of shape (n, d) with n >= 1, all finite."""
        rows = checked_to_fit(vectors).astype(np.float64)
        shares = np.arange(1, _CODES) / _CODES
        self.borders_ = np.ascontiguousarray(np.quantile(rows, shares, axis=0).T.astype(np.float32))
        self.values_ = np.stack(
            [_means(column, borders) for column, borders in zip(rows.T, self.borders_, strict=True)]
        )
        self._fit_line()
        return self

    def encode(self, vectors: npt.ArrayLike) -> npt.NDArray[np.uint8]:
        rows = checked_vectors(vectors, self._dimensions())
        codes = np.empty(rows.shape, dtype=np.uint8)
        for dimension, borders in enumerate(self.borders_):
            codes[:, dimension] = np.searchsorted(borders, rows[:, dimension], side="right")
        return codes

    def decode(self, codes: npt.ArrayLike) -> npt.NDArray[np.float32]:
        rows = checked_codes(codes, self._dimensions())
        return np.asarray(self.values_[np.arange(len(self.values_)), rows])

    def _content(self) -> dict[str, Any]:
        return {
            "version": 2,
            "kind": self.kind,
            "borders": self.borders_.tolist(),
            "values": self.values_.tolist(),
        }

    def _restore(self, content: dict[str, Any], path: Path) -> None:
        try:
            borders = np.asarray(content["borders"], dtype=np.float32)
            values = np.asarray(content["values"], dtype=np.float32)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise DamagedFile(f"{path} must hold numbers under 'borders' and 'values'. Got: {error!r}") from error
        sound = borders.ndim == 2 and len(borders) > 0 and borders.shape[1] == _CODES - 1
        sound = sound and values.shape == (len(borders), _CODES)
        sound = sound and bool(np.isfinite(borders).all() and np.isfinite(values).all())
        if not (sound and (np.diff(borders, axis=1) >= 0).all() and (np.diff(values, axis=1) >= 0).all()):
            raise DamagedFile(
                f"{path} must hold ascending, finite 'borders' (d, 255) and 'values' (d, 256). Got others instead."
            )
        self.borders_, self.values_ = borders, values
        self._fit_line()

    def _fit_line(self) -> None:
        codes = np.arange(_CODES) - (_CODES - 1) / 2
        values = self.values_.astype(np.float64)
        step = values @ codes / (codes @ codes)
        step = np.where(step > np.finfo(np.float32).tiny, step, 1 / (_CODES - 1))
        self.step_ = step.astype(np.float32)
        self.low_ = (values.mean(axis=1) - step * (_CODES - 1) / 2).astype(np.float32)


def _means(column: npt.NDArray[np.float64], borders: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The mean (256,) of the values of ``column`` between ``borders``; where there are none, between the borders."""
    codes = np.searchsorted(borders, column.astype(np.float32), side="right")
    counts = np.bincount(codes, minlength=_CODES)
    edges = np.concatenate([[column.min()], borders.astype(np.float64), [column.max()]])
    middles = (edges[1:] + edges[:-1]) / 2
    means = np.where(counts > 0, np.bincount(codes, column, _CODES) / np.maximum(counts, 1), middles)
    # Rounding must not turn neighbours around.
    return np.maximum.accumulate(means).astype(np.float32)


KINDS: Final[dict[str, type[Quantiser]]] = {kind.kind: kind for kind in (UniformQuantiser, EquiDepthQuantiser)}
