"""Checkpoints of open_clip models, plain or under a name of their own, loaded whole or not at all.

A fine-tuned model that lost or gained a part on its way would still answer, and wrongly: every key must be there, none
may be over, and every shape must be that of the architecture.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch

from clip_branches.encoding._weights import read_weights
from clip_branches.errors import DamagedFile

# Numbers that stand among the weights in OpenAI's own files, and indices that transformers no longer keeps.
_NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size", "text.transformer.embeddings.position_ids")
# Where trainings keep the weights among other things: most, and CLIP4Cir for a CLIP that it fine-tuned.
_INSIDE = ("state_dict", "CLIP")
_WRAPPED = "module."
_NAMED = 20


def load_checkpoint(model: Any, architecture: str, path: Path) -> None:
    """Fill an open_clip ``model`` of ``architecture`` from the checkpoint in ``path``, .safetensors or .pt of tensors.

    The weights may lie under "state_dict" or "CLIP", and their names may begin with "module.", as a parallel training
    leaves them.
    Raises DamagedFile, naming the file and the keys, for one that does not fit exactly.
    """
    try:
        content = read_weights(path)
    except DamagedFile as error:
        raise DamagedFile(f"{error.message} It should be one of the architecture {architecture}.") from error
    state = _renamed(model, unwrapped(content))
    needed = model.state_dict()
    missing = [name for name in needed if name not in state]
    surplus = [name for name in state if name not in needed]
    other = [
        f"{name} is {_shape(state[name])} and must be {_shape(needed[name])}"
        for name in needed
        if name in state and _shape(state[name]) != _shape(needed[name])
    ]
    problems = [
        f"{what}: {_listed(names)}"
        for what, names in (("missing keys", missing), ("surplus keys", surplus), ("other shapes", other))
        if names
    ]
    if problems:
        raise DamagedFile(
            f"{path} must hold exactly the weights of the architecture {architecture}. Got {'; '.join(problems)}."
        )
    model.load_state_dict(state)


def unwrapped(content: dict[str, Any]) -> dict[str, Any]:
    """The weights by name in what a checkpoint holds: taken out of it, without "module." before each name."""
    inside = [content[name] for name in _INSIDE if isinstance(content.get(name), dict)]
    state = dict(inside[0] if inside else content)
    if state and all(name.startswith(_WRAPPED) for name in state):
        state = {name.removeprefix(_WRAPPED): value for name, value in state.items()}
    return state


def _renamed(model: Any, state: dict[str, Any]) -> dict[str, Any]:
    """``state`` under the names of ``model``: the same weights in layouts that open_clip knows."""
    if all(isinstance(value, torch.Tensor) for value in state.values()):
        state = importlib.import_module("open_clip.convert").convert_state_dict(model, state)
    if "positional_embedding" in state and not hasattr(model, "positional_embedding"):
        state = importlib.import_module("open_clip.model").convert_to_custom_text_state_dict(state)
    kept = {name: value for name, value in state.items() if name not in _NOT_WEIGHTS}
    for name in ("logit_scale", "logit_bias"):  # a number, or one in a list
        value, own = kept.get(name), getattr(model, name, None)
        if isinstance(value, torch.Tensor) and own is not None and value.numel() == 1:
            kept[name] = value.reshape(own.shape)
    return kept


def _shape(value: Any) -> str:
    return str(tuple(value.shape)) if isinstance(value, torch.Tensor) else type(value).__name__


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
