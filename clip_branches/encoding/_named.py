"""Models that open_clip builds by name: the settings that belong to their weights, found or refused, never guessed.

Weights say neither which activation they were trained with nor how images must be prepared. open_clip's list of
published weights does; for a file of one's own, a config beside it does, or the file is one that open_clip lists, or
all published weights of the architecture agree.
"""

from __future__ import annotations

import importlib
import json
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import torch

from clip_branches.errors import ConfigurationError, DamagedFile
from clip_branches.files import sha256_of

_PREPARATION = ("mean", "std", "interpolation", "resize_mode")
_NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size", "attn_mask")
_CONFIG = "open_clip_config.json"


class WeightsSettings(NamedTuple):
    """What goes with weights: ``preparation`` of images (mean, std, interpolation, resize_mode), and the activation."""

    preparation: dict[str, Any]
    quick_gelu: bool


def settings_of_tag(architecture: str, tag: str) -> WeightsSettings:
    """What goes with published weights: OpenAI's and others were trained with QuickGELU, whatever the name says."""
    published = _published(architecture)[tag]
    return WeightsSettings(_preparation(published), bool(published.get("quick_gelu")))


def settings_of_file(architecture: str, path: Path) -> WeightsSettings:
    """What goes with the weights in ``path``; ConfigurationError where nothing says how images must be prepared."""
    beside = path.parent / _CONFIG
    if beside.is_file():
        return _settings_beside(beside)
    published = _published(architecture)
    digest = sha256_of(path)
    for settings in published.values():
        url = str(settings.get("url", ""))  # OpenAI's hold the whole digest, open_clip's own its first 8 digits
        if digest in url or f"-{digest[:8]}." in url:
            return WeightsSettings(_preparation(settings), bool(settings.get("quick_gelu")))
    found = {json.dumps(_preparation(settings), sort_keys=True) for settings in published.values()}
    if len(found) != 1:
        reason = "its published weights differ in it" if found else "it has no published weights"
        raise ConfigurationError(
            f"The weights {path} must come with the preparation of images that they were trained with; the "
            f"architecture {architecture!r} does not tell it, {reason}. Put a file {_CONFIG} beside them whose "
            f"'preprocess_cfg' holds {', '.join(_PREPARATION)}."
        )
    # OpenAI published TorchScript archives, and only those are found today; all were trained with QuickGELU.
    return WeightsSettings(json.loads(found.pop()), is_torchscript(path))


def is_torchscript(path: Path) -> bool:
    """Whether ``path`` is a TorchScript archive, the form of OpenAI's own files."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.partition("/")[2] == "constants.pkl" for name in archive.namelist())


def load_torchscript(model: Any, path: Path) -> None:
    """Fill an open_clip ``model`` from the TorchScript archive in ``path``; DamagedFile where it does not fit."""
    try:
        load: Any = torch.jit.load  # torch gives it no types
        state = load(str(path), map_location="cpu").state_dict()
        model.load_state_dict({name: tensor.float() for name, tensor in state.items() if name not in _NOT_WEIGHTS})
    except (RuntimeError, OSError) as error:
        raise DamagedFile(f"{path} must hold the weights of that architecture as TorchScript. Got: {error}") from error


def _published(architecture: str) -> dict[str, dict[str, Any]]:
    pretrained = importlib.import_module("open_clip.pretrained")
    return {tag: pretrained.get_pretrained_cfg(architecture, tag) for tag in _tags(pretrained, architecture)}


def _tags(pretrained: Any, architecture: str) -> list[str]:
    return list(pretrained.list_pretrained_tags_by_model(architecture))


def _preparation(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: list(settings[key]) if key in ("mean", "std") else settings[key] for key in _PREPARATION}


def _settings_beside(path: Path) -> WeightsSettings:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        preparation = _preparation(content["preprocess_cfg"])
        return WeightsSettings(preparation, bool(content.get("model_cfg", {}).get("quick_gelu")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedFile(
            f"{path} must hold a 'preprocess_cfg' with {', '.join(_PREPARATION)}. Got: {error!r}"
        ) from error
