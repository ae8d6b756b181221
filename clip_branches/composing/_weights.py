"""Weights of the composing networks on disk: safetensors of ours, and published checkpoints by torch's safe reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from clip_branches.encoding._weights import UNREADABLE
from clip_branches.errors import DamagedFile
from clip_branches.files import write_whole

_VERSION = 1


def save_tensors(path: Path, tensors: dict[str, torch.Tensor], kind: str, sizes: dict[str, Any]) -> None:
    """Write ``tensors`` in half precision, and the ``sizes`` of their network, to ``path``: whole or not at all."""
    halves = {name: tensor.detach().cpu().half().contiguous() for name, tensor in tensors.items()}
    note = json.dumps({"format": kind, "version": _VERSION, **sizes})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, save(halves, metadata={"network": note}))


def load_tensors(path: Path, kind: str, published: str | None) -> tuple[dict[str, torch.Tensor], dict[str, Any] | None]:
    """Tensors, float32, and sizes of ``path``; sizes are None for a published checkpoint with ``published`` inside.

    Raises DamagedFile, naming the file, for anything else.
    """
    if path.suffix == ".safetensors":
        return _ours(path, kind)
    if published is None:
        raise DamagedFile(f"{path} must be a .safetensors file of the kind {kind}.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        state = content.get(published, content)
        return {str(name): tensor.float() for name, tensor in state.items()}, None
    except UNREADABLE as error:
        raise DamagedFile(f"{path} must be a checkpoint with {published!r} inside. Got: {error}") from error


def fill(network: torch.nn.Module, tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Put ``tensors`` into ``network``, strictly; DamagedFile names every layer that is missing, surplus or of
    another shape."""
    own = network.state_dict()
    missing, surplus = sorted(set(own) - set(tensors)), sorted(set(tensors) - set(own))
    shapes = [name for name in own if name in tensors and own[name].shape != tensors[name].shape]
    if missing or surplus or shapes:
        told = {"missing": missing, "surplus": surplus, "of another shape": shapes}
        parts = "; ".join(f"{what}: {', '.join(names)}" for what, names in told.items() if names)
        raise DamagedFile(f"{path} must hold exactly the layers of its network. Got {parts}.")
    network.load_state_dict(tensors)


def _ours(path: Path, kind: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    try:
        with safe_open(path, framework="pt") as file:
            note = json.loads((file.metadata() or {})["network"])
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 (not a dict)
        if note.pop("format") != kind or note.pop("version") != _VERSION:
            raise ValueError(f"another format than {kind}, version {_VERSION}")
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedFile(f"{path} must be a whole file of the kind {kind}. Got: {error}") from error
    return tensors, note
