"""A training that can go on where it stopped: weights and optimiser as safetensors, the rest as JSON; no pickle."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from clip_branches.errors import DamagedFile
from clip_branches.files import write_whole

_FORMAT = "clip-branches-head-training"
_VERSION = 1


@dataclass
class Progress:
    """Where a training is: ``epoch`` epochs are done, the best validation ``score`` came after ``best_epoch``."""

    epoch: int = 0
    best_epoch: int = 0
    score: float = -1.0
    history: list[dict[str, float]] = field(default_factory=list)


class Checkpoint:
    """One file, ``<folder>/training.safetensors``, replaced whole after every epoch.

    ``identity`` is a digest of settings and pairs: a checkpoint of another training is passed over.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.path = folder / "training.safetensors"
        self._identity = identity

    def save(self, network: torch.nn.Module, best: dict[str, Any], optimiser: Any, progress: Progress) -> None:
        """Keep the weights now, the ``best`` ones so far, the optimiser's state, and how far the training is."""
        tensors = {f"now.{name}": tensor for name, tensor in network.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in best.items()}
        for number, state in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{name}": torch.as_tensor(value) for name, value in state.items()}
        content = {"format": _FORMAT, "version": _VERSION, "identity": self._identity, "progress": asdict(progress)}
        # Tensors that share memory are refused by safetensors, and devices differ between runs.
        whole = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, save(whole, metadata={"training": json.dumps(content)}))

    def restore(self, network: torch.nn.Module, optimiser: Any) -> tuple[dict[str, Any], Progress] | None:
        """Go on from the file, if it is there and of this training: the best weights so far, and how far it is.

        Raises DamagedFile, naming the file, where it cannot be read.
        """
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                content = json.loads((file.metadata() or {})["training"])
                if content["format"] != _FORMAT or content["version"] != _VERSION:
                    raise ValueError(f"format {content['format']!r}, version {content['version']!r}")
                if content["identity"] != self._identity:
                    return None
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            network.load_state_dict(_below(tensors, "now."))
            _restore_optimiser(optimiser, _below(tensors, "optimiser."))
            return _below(tensors, "best."), Progress(**content["progress"])
        except (OSError, SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise DamagedFile(
                f"{self.path} must be a whole checkpoint of this training. Got: {error}. Remove it to begin anew."
            ) from error

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


def _below(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _restore_optimiser(optimiser: Any, tensors: dict[str, torch.Tensor]) -> None:
    content = optimiser.state_dict()
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = tensor
    optimiser.load_state_dict({**content, "state": state})
