"""From 32-d vectors back towards the backbone's: what a stored code tells of the image's own vector."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from clip_branches.composing.sums import unit
from clip_branches.errors import DamagedFile, InvalidInput
from clip_branches.files import write_whole

Array = npt.NDArray[np.float32]

LIFT_FILE: Final = "lift.safetensors"


class Lift:
    """``unit(z W + b)``: the linear map that best predicts unit image vectors (n, d) from the codes' vectors (n, 32).

    A network for the backbone's vectors can so take a catalogue's image, of which only the code is stored.
    """

    def __init__(self, weight: Array, bias: Array) -> None:
        if weight.ndim != 2 or bias.shape != (weight.shape[1],):
            raise InvalidInput(f"A Lift must have a weight (32, d) and a bias (d,). Got {weight.shape}, {bias.shape}.")
        self.weight, self.bias = weight.astype(np.float32), bias.astype(np.float32)

    def __call__(self, vectors: npt.ArrayLike) -> Array:
        """Unit vectors (n, d), float32, for ``vectors`` (n, 32)."""
        return unit(np.asarray(vectors, np.float32) @ self.weight + self.bias)

    @classmethod
    def fit(cls, vectors: Array, images: Array, ridge: float = 1e-3) -> Self:
        """By least squares from ``vectors`` (n, 32) to ``images`` (n, d), with ``ridge`` times n on the diagonal."""
        mean, middle = vectors.mean(axis=0, dtype=np.float64), images.mean(axis=0, dtype=np.float64)
        rows = vectors - mean
        gram = rows.T @ rows + ridge * len(rows) / rows.shape[1] * np.eye(rows.shape[1])
        weight = np.linalg.solve(gram, rows.T @ (images - middle))
        return cls(weight.astype(np.float32), (middle - mean @ weight).astype(np.float32))

    def save(self, path: Path) -> None:
        """Write the map to ``path`` as safetensors in half precision."""
        write_whole(path, save({"weight": self.weight.astype(np.float16), "bias": self.bias.astype(np.float16)}))

    @classmethod
    def load(cls, path: Path) -> Self:
        """The map in ``path``; DamagedFile, naming it, where it is not one."""
        try:
            tensors = load(path.read_bytes())
            return cls(tensors["weight"], tensors["bias"])
        except (OSError, SafetensorError, KeyError, InvalidInput) as error:
            raise DamagedFile(f"{path} must hold a map from 32-d vectors to a backbone's. Got: {error}") from error
