"""Projection heads: from the towers' embeddings to the 32-d unit vectors that codes are made of.

Images and texts have a head each. "mlp" is a trained pair (Linear, BatchNorm, ReLU; again; Linear; L2), its
BatchNorms folded into the layers before them. "linear" is fitted without training, for models that ship no head: the
principal axes of the image embeddings, each side centred on its own mean, since CLIP keeps images and texts apart
(Liang et al. 2022, "Mind the Gap").
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self, cast

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from clip_branches.encoding._files import read_json, write_json
from clip_branches.errors import ConfigurationError, DamagedFile, InvalidInput
from clip_branches.files import write_whole

_FORMAT = "clip-branches-head"
_VERSION = 1
_JSON, _TENSORS = "head.json", "head.safetensors"

Array = npt.NDArray[np.float32]
Layer = tuple[Array, Array]
HeadKind = Literal["mlp", "linear"]


class Head:
    """An image head and a text head: layers of (weight (out, in), bias (out,)), ReLU between, unit length last.

    ``fingerprint`` is that of the towers whose embeddings it was trained on, where it notes them: embeddings of another
    model may have the same width, and would give vectors that mean nothing.
    """

    def __init__(
        self,
        kind: HeadKind,
        image_layers: Sequence[Layer],
        text_layers: Sequence[Layer],
        fingerprint: str | None = None,
    ) -> None:
        self.kind = kind
        self.fingerprint = fingerprint
        self._layers = {"image": _checked_layers(image_layers), "text": _checked_layers(text_layers)}
        sides = [(layers[0][0].shape[1], layers[-1][0].shape[0]) for layers in self._layers.values()]
        if sides[0] != sides[1]:
            raise ConfigurationError(f"Both sides of a Head must map the same dimensions. Got {sides} instead.")
        self.input_dim, self.output_dim = sides[0]

    def project_images(self, embeddings: npt.ArrayLike) -> Array:
        """Unit vectors (n, output_dim), float32, of image ``embeddings`` (n, input_dim)."""
        return self._project("image", embeddings)

    def project_texts(self, embeddings: npt.ArrayLike) -> Array:
        """Unit vectors (n, output_dim), float32, of text ``embeddings`` (n, input_dim)."""
        return self._project("text", embeddings)

    @classmethod
    def fit_linear(cls, image_embeddings: npt.ArrayLike, text_embeddings: npt.ArrayLike, dimensions: int = 32) -> Self:
        """A "linear" head: the leading principal axes of the images, each side centred on its own mean.

        ``image_embeddings`` (n, d) and ``text_embeddings`` (m, d) are unit rows; the texts need no pairing with the
        images (captions, or any set of ordinary phrases). Where n or d is below ``dimensions`` the missing axes are 0.
        """
        images = _checked_rows(image_embeddings, None).astype(np.float64)
        texts = _checked_rows(text_embeddings, images.shape[1]).astype(np.float64)
        if len(images) == 0 or len(texts) == 0:
            raise InvalidInput("Head.fit_linear must be given at least one image and one text. Got none instead.")
        image_mean, text_mean = images.mean(axis=0), texts.mean(axis=0)
        centred = images - image_mean
        _, axes = np.linalg.eigh(centred.T @ centred)
        leading = axes[:, ::-1][:, :dimensions].T
        # An eigenvector's sign is arbitrary: the largest entry is made positive, so that a refit gives the same head.
        signs = np.sign(leading[np.arange(len(leading)), np.abs(leading).argmax(axis=1)])
        weight = np.zeros((dimensions, images.shape[1]))
        weight[: len(leading)] = leading * signs[:, None]
        layers = [(weight.astype(np.float32), (-weight @ mean).astype(np.float32)) for mean in (image_mean, text_mean)]
        return cls("linear", layers[:1], layers[1:])

    def layers(self, side: Literal["image", "text"]) -> list[Layer]:
        """The layers of one side, first to last."""
        return list(self._layers[side])

    def trained_on(self, fingerprint: str | None) -> Self:
        """This head with a note of the towers that it was trained on."""
        return type(self)(self.kind, self.layers("image"), self.layers("text"), fingerprint)

    def rotated(self, seed: int) -> Self:
        """This head with both sides turned by one random rotation of its output space, the same for the same ``seed``.

        Distances and products stay; what changes is which directions the codes, and so the sides of boxes, lie along.
        """
        rotation = _random_rotation(self.output_dim, np.random.default_rng(seed))
        sides = []
        for layers in self._layers.values():
            weight, bias = layers[-1]
            turned = (rotation @ weight).astype(np.float32), (rotation @ bias).astype(np.float32)
            sides.append([*layers[:-1], turned])
        return type(self)(self.kind, sides[0], sides[1], self.fingerprint)

    def save(self, folder: Path) -> None:
        """Write ``head.safetensors`` and ``head.json`` into ``folder``."""
        tensors = {
            f"{side}.{number}.{name}": np.ascontiguousarray(tensor)
            for side, layers in self._layers.items()
            for number, layer in enumerate(layers)
            for name, tensor in zip(("weight", "bias"), layer, strict=True)
        }
        Path(folder).mkdir(parents=True, exist_ok=True)
        write_whole(Path(folder) / _TENSORS, save(tensors))
        content: dict[str, Any] = {"format": _FORMAT, "version": _VERSION, "kind": self.kind}
        if self.fingerprint is not None:
            content["towers"] = self.fingerprint
        content |= {side: [list(weight.shape) for weight, _ in layers] for side, layers in self._layers.items()}
        write_json(Path(folder) / _JSON, content)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The head saved in ``folder``. Raises DamagedFile, naming the file, where it is not one."""
        content = read_json(Path(folder) / _JSON, _FORMAT, _VERSION)
        path = Path(folder) / _TENSORS
        if content.get("kind") not in ("mlp", "linear"):
            raise DamagedFile(f"{Path(folder) / _JSON} must name the kind 'mlp' or 'linear'. Got another instead.")
        try:
            tensors = load_file(path)
            sides = [_layers_of(tensors, side, content[side]) for side in ("image", "text")]
            towers = content.get("towers")
            fingerprint = None if towers is None else str(towers)
            return cls(cast(HeadKind, content["kind"]), sides[0], sides[1], fingerprint)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError, ConfigurationError) as error:
            raise DamagedFile(f"{path} must hold the tensors that {_JSON} beside it lists. Got: {error}") from error

    def _project(self, side: str, embeddings: npt.ArrayLike) -> Array:
        rows = _checked_rows(embeddings, self.input_dim)
        layers = self._layers[side]
        for number, (weight, bias) in enumerate(layers):
            rows = rows @ weight.T + bias
            if number + 1 < len(layers):
                np.maximum(rows, 0.0, out=rows)
        return unit_rows(rows)


def _random_rotation(dimensions: int, generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """A rotation drawn evenly from all (Mezzadri 2007, "How to generate random matrices from the classical groups")."""
    q, r = np.linalg.qr(generator.normal(size=(dimensions, dimensions)))
    return np.asarray(q * np.sign(np.diag(r)))


def unit_rows(rows: Array) -> Array:
    """``rows`` (n, d) scaled to unit length; a row of zeros stays one."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Array = rows / np.maximum(lengths, np.finfo(np.float32).tiny)
    return scaled


def _layers_of(tensors: dict[str, Array], side: str, shapes: list[list[int]]) -> list[Layer]:
    layers = []
    for number, shape in enumerate(shapes):
        weight, bias = (tensors[f"{side}.{number}.{name}"].astype(np.float32) for name in ("weight", "bias"))
        if list(weight.shape) != shape:
            raise ValueError(f"{side} layer {number} has shape {list(weight.shape)}, not {shape}")
        layers.append((weight, bias))
    return layers


def _checked_layers(layers: Sequence[Layer]) -> list[Layer]:
    if not layers:
        raise ConfigurationError("A Head must have at least one layer a side. Got none instead.")
    width = layers[0][0].shape[-1]
    for weight, bias in layers:
        if weight.ndim != 2 or weight.shape[1] != width or bias.shape != weight.shape[:1]:
            raise ConfigurationError(
                "The layers of a Head must chain as (weight (out, in), bias (out,)). "
                f"Got weight {weight.shape} and bias {bias.shape} after {width} dimensions instead."
            )
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise ConfigurationError("The layers of a Head must be finite. Got NaN or infinity instead.")
        width = weight.shape[0]
    return list(layers)


def _checked_rows(embeddings: npt.ArrayLike, dimensions: int | None) -> Array:
    rows = np.asarray(embeddings, dtype=np.float32)
    if rows.ndim != 2 or (dimensions is not None and rows.shape[1] != dimensions):
        raise InvalidInput(
            f"The 'embeddings' of a Head must have shape (n, {dimensions or 'd'}). Got {rows.shape} instead."
        )
    return rows
