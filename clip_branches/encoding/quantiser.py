"""32-d unit vectors to 8-bit codes and back: one affine map a dimension, fitted to the data.

A coordinate of a 32-d unit vector uses a small part of [-1, 1], a different one in each dimension. Spreading the codes
over the range the catalogue really fills keeps the whole byte. The map is monotone in every dimension, so a box over
codes is a box over vectors. Other maps are in ``quantisers.py``; :meth:`Quantiser.load` reads them all.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from clip_branches.encoding._files import read_json, write_json
from clip_branches.errors import ConfigurationError, DamagedFile, InvalidInput

_FORMAT = "clip-branches-quantiser"
_LEVELS = 255
# Version 1 knew affine maps only and says nothing of a kind; a program of then must refuse the others.
_VERSIONS = (1, 2)

QuantiserKind = Literal["affine", "uniform", "equi-depth"]


class Quantiser:
    """``code = clip(round((x - low) / step), 0, 255)`` and ``x = low + step * code``, dimension by dimension.

    Parameters
    ----------
    tail : share of the values cut off on each side before the range is taken, so that one outlier does not cost
        everyone else precision; in [0, 0.5).
    margin : part of that range added on each side, so that images not yet seen are rarely clipped; at least 0.

    Attributes
    ----------
    low_ : ndarray of shape (d,), float32, the value of code 0.
    step_ : ndarray of shape (d,), float32, positive, the distance between neighbouring codes.
    """

    kind: ClassVar[QuantiserKind] = "affine"
    low_: npt.NDArray[np.float32]
    step_: npt.NDArray[np.float32]

    def __init__(self, tail: float = 0.001, margin: float = 0.05) -> None:
        self.tail = tail
        self.margin = margin

    def fit(self, vectors: npt.ArrayLike) -> Self:
        """Take the range of each dimension from ``vectors``, float of shape (n, d) with n >= 1, all finite."""
        if not 0.0 <= self.tail < 0.5:
            raise ConfigurationError(f"The 'tail' parameter of Quantiser must be in [0, 0.5). Got {self.tail} instead.")
        if not self.margin >= 0.0:
            raise ConfigurationError(f"The 'margin' parameter of Quantiser must be >= 0. Got {self.margin} instead.")
        rows = checked_to_fit(vectors)
        low, high = np.quantile(rows.astype(np.float64), [self.tail, 1.0 - self.tail], axis=0)
        margin = self.margin * (high - low)
        low, high = low - margin, high + margin
        # A dimension that never varies keeps code 0 for its one value; the step only has to be positive.
        self.low_ = low.astype(np.float32)
        step = ((high - low) / _LEVELS).astype(np.float32)
        smallest = np.maximum(np.abs(self.low_) * np.finfo(np.float32).eps, np.finfo(np.float32).tiny)
        self.step_ = np.where(step > smallest, step, np.float32(1.0 / _LEVELS)).astype(np.float32)
        return self

    def encode(self, vectors: npt.ArrayLike) -> npt.NDArray[np.uint8]:
        """Codes of shape (n, d), uint8, of ``vectors`` (n, d); values out of range become the nearest code.

        Raises InvalidInput for another number of dimensions and for values that are not finite.
        """
        rows = checked_vectors(vectors, self._dimensions())
        scaled = np.rint((rows - self.low_) / self.step_)
        codes: npt.NDArray[np.uint8] = np.clip(scaled, 0, _LEVELS).astype(np.uint8)
        return codes

    def decode(self, codes: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """The vectors, float32 of shape (n, d), that stand for ``codes`` (n, d), uint8."""
        rows = checked_codes(codes, self._dimensions())
        vectors: npt.NDArray[np.float32] = self.low_ + self.step_ * rows.astype(np.float32)
        return vectors

    def save(self, path: Path) -> None:
        """Write the fitted map to ``path`` as JSON."""
        self._dimensions()
        # float32 -> float is exact, and JSON keeps a float's shortest exact form: what is loaded is what was saved.
        write_json(Path(path), {"format": _FORMAT, **self._content()})

    @classmethod
    def load(cls, path: Path) -> Quantiser:
        """The map saved in ``path``, of its own kind. Raises DamagedFile, naming the file, where it is not one."""
        content = read_json(Path(path), _FORMAT, *_VERSIONS)
        kind = str(content.get("kind")) if content["version"] == 2 else "affine"
        try:
            quantiser = make_quantiser(kind)
        except ConfigurationError as error:
            raise DamagedFile(f"{path} must hold a known quantiser. {error.message}") from error
        quantiser._restore(content, Path(path))
        return quantiser

    def _content(self) -> dict[str, Any]:
        return {"version": 1, "low": self.low_.tolist(), "step": self.step_.tolist()}

    def _restore(self, content: dict[str, Any], path: Path) -> None:
        try:
            low = np.asarray(content["low"], dtype=np.float32)
            step = np.asarray(content["step"], dtype=np.float32)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise DamagedFile(f"{path} must hold numbers under 'low' and 'step'. Got: {error!r}") from error
        sound = low.ndim == 1 and low.shape == step.shape and low.size > 0
        if not (sound and np.isfinite(low).all() and np.isfinite(step).all() and (step > 0).all()):
            raise DamagedFile(f"{path} must hold finite 'low' and positive 'step' of one length. Got others instead.")
        self.low_, self.step_ = low, step

    def _dimensions(self) -> int:
        if not hasattr(self, "low_"):
            raise ConfigurationError("The Quantiser must be fitted or loaded before it is used. Call fit first.")
        return len(self.low_)


def make_quantiser(kind: str) -> Quantiser:
    """An unfitted quantiser of ``kind``: "affine", "uniform" or "equi-depth"; ConfigurationError for another."""
    if kind == "affine":
        return Quantiser()
    others = importlib.import_module("clip_branches.encoding.quantisers").KINDS
    if kind not in others:
        raise ConfigurationError(
            f"The 'kind' of a quantiser must be one of affine, {', '.join(sorted(others))}. Got {kind!r} instead."
        )
    made: Quantiser = others[kind]()
    return made


def checked_to_fit(vectors: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """``vectors`` as float32 (n, d), n >= 1, all finite; else InvalidInput."""
    rows = checked_vectors(vectors, None)
    if len(rows) == 0:
        raise InvalidInput("The 'vectors' of Quantiser.fit must hold at least one row. Got none instead.")
    return rows


def checked_codes(codes: npt.ArrayLike, dimensions: int) -> npt.NDArray[np.uint8]:
    """``codes`` as uint8 (n, dimensions), else InvalidInput."""
    rows = np.asarray(codes)
    if rows.ndim != 2 or rows.shape[1] != dimensions or rows.dtype != np.uint8:
        raise InvalidInput(
            f"The 'codes' of Quantiser.decode must be uint8 of shape (n, {dimensions}). "
            f"Got {rows.dtype} of shape {rows.shape} instead."
        )
    return rows


def checked_vectors(vectors: npt.ArrayLike, dimensions: int | None) -> npt.NDArray[np.float32]:
    """``vectors`` as float32 (n, dimensions or any), all finite; else InvalidInput."""
    rows = np.asarray(vectors)
    if rows.dtype.kind not in "fiu" or rows.ndim != 2 or (dimensions is not None and rows.shape[1] != dimensions):
        raise InvalidInput(
            f"The 'vectors' of a Quantiser must be numbers of shape (n, {dimensions or 'd'}). "
            f"Got {rows.dtype} of shape {rows.shape} instead."
        )
    with np.errstate(over="ignore"):
        rows = rows.astype(np.float32, copy=False)
    if not np.isfinite(rows).all():
        raise InvalidInput("The 'vectors' of a Quantiser must be finite. Got NaN or infinity instead.")
    return rows
