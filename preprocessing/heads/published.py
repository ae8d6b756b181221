"""Heads in the layout of the published weights: ``head_vis.*`` and ``head_text.*`` beside the towers' ``model.*``."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch

from clip_branches.encoding import Head
from clip_branches.encoding._weights import read_weights
from clip_branches.encoding.head import Layer
from clip_branches.errors import ConfigurationError, DamagedFile

_SIDES = {"image": "head_vis.", "text": "head_text."}
_EPSILON = 1e-5  # of torch's BatchNorm, and not among the weights


def import_published(path: Path) -> Head:
    """The heads in ``path`` (.safetensors, or a .pt of tensors alone), BatchNorms folded into the layers before them.

    Linear layers and BatchNorms are taken in the order of their numbers, ReLU between; the towers are left out: they
    are those of the model that the heads were trained on. Raises DamagedFile, naming the file, where there are none.
    """
    state = read_weights(path)
    if isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    tensors = {name: tensor for name, tensor in state.items() if isinstance(tensor, torch.Tensor)}
    try:
        sides = {side: _folded(tensors, prefix) for side, prefix in _SIDES.items()}
        return Head("mlp", sides["image"], sides["text"])
    except (KeyError, ValueError, ConfigurationError) as error:
        found = ", ".join(sorted({name.partition(".")[0] for name in tensors})) or "no tensors"
        raise DamagedFile(
            f"{path} must hold the layers head_vis.* and head_text.* of linear layers and BatchNorms. "
            f"Got {found}: {error}"
        ) from error


def _folded(tensors: dict[str, torch.Tensor], prefix: str) -> list[Layer]:
    names = {name.removeprefix(prefix).rpartition(".")[0] for name in tensors if name.startswith(prefix)}
    layers: list[tuple[np.ndarray, np.ndarray]] = []
    for module in sorted(names, key=_natural):
        weight = _array(tensors, f"{prefix}{module}.weight")
        if weight.ndim == 2:
            bias = tensors.get(f"{prefix}{module}.bias")
            layers.append((weight, np.zeros(len(weight)) if bias is None else bias.double().numpy()))
        elif f"{prefix}{module}.running_var" in tensors:
            if not layers:
                raise ValueError(f"{prefix}{module} must come after a linear layer")
            layers[-1] = _with_norm(layers[-1], tensors, f"{prefix}{module}", weight)
        else:
            raise ValueError(f"{prefix}{module} is neither linear nor a BatchNorm")
    if not layers:
        raise KeyError(prefix)
    return [(weight.astype(np.float32), bias.astype(np.float32)) for weight, bias in layers]


def _with_norm(
    layer: tuple[np.ndarray, np.ndarray], tensors: dict[str, torch.Tensor], module: str, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    bias, mean, variance = (_array(tensors, f"{module}.{name}") for name in ("bias", "running_mean", "running_var"))
    gain = weight / np.sqrt(variance + _EPSILON)
    return layer[0] * gain[:, None], (layer[1] - mean) * gain + bias


def _array(tensors: dict[str, torch.Tensor], name: str) -> np.ndarray:
    if name not in tensors:
        raise KeyError(name)
    return tensors[name].double().numpy()


def _natural(name: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", name)
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts if part]
