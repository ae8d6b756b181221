"""Finding and loading open_clip models: folders of ours, or names that open_clip knows."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from clip_branches.encoding._checkpoints import load_checkpoint
from clip_branches.encoding._named import is_torchscript, load_torchscript, settings_of_file, settings_of_tag
from clip_branches.encoding._torchvision import ensure_torchvision
from clip_branches.errors import ConfigurationError, DamagedFile

_SCHEME = "local-dir:"
_HUB = "hf-hub:"
_CONFIG = "open_clip_config.json"
_WEIGHTS = "open_clip_model.safetensors"


def local_folder(model: str, models_dir: Path) -> Path | None:
    """The folder of a local ``model``, or None where the name is open_clip's own ("architecture/weights",
    "architecture/path of a file", "hf-hub:owner/name").

    Raises ConfigurationError, naming the models there are, where it is neither.
    """
    if model.startswith(_SCHEME):
        folder = Path(model.removeprefix(_SCHEME))
        if not (folder / _CONFIG).is_file():
            raise ConfigurationError(f"Model {model!r} must be a folder with {_CONFIG}. Got {folder} instead.")
        return folder
    available = local_models(models_dir)
    if model in available:
        return models_dir / model
    architecture, separator, weights = model.partition("/")
    if not (separator and architecture and weights):
        raise ConfigurationError(
            f"Model {model!r} must be a folder below {models_dir}, 'local-dir:<folder>', 'hf-hub:<owner>/<name>', or "
            f"an open_clip architecture with its weights or a file, such as 'ViT-B-32/openai'. "
            f"Available below {models_dir}: {', '.join(available) or 'none'}."
        )
    return None


def local_models(models_dir: Path) -> list[str]:
    """Names of the models below ``models_dir``, sorted."""
    return sorted(path.parent.name for path in models_dir.glob(f"*/{_CONFIG}"))


def load_towers(model: str, folder: Path | None, models_dir: Path) -> tuple[Any, Any, Any]:
    """The open_clip model, its preprocessing and its tokenizer, by the folder of a local one or open_clip's name."""
    ensure_torchvision()
    open_clip = importlib.import_module("open_clip")
    if folder is None:
        load = _load_from_hub if model.startswith(_HUB) else _load_named
        return load(open_clip, model, models_dir)
    _check_weights(folder / _WEIGHTS)
    name = f"{_SCHEME}{folder}"
    try:
        towers, preprocess = open_clip.create_model_from_pretrained(name)
        return towers, preprocess, open_clip.get_tokenizer(name)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AssertionError) as error:  # open_clip asserts too
        raise DamagedFile(f"{folder} must hold an open_clip model whose {_CONFIG} fits {_WEIGHTS}: {error}") from error


def _load_named(open_clip: Any, model: str, models_dir: Path) -> tuple[Any, Any, Any]:
    architecture, _, weights = model.partition("/")
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    local = ", ".join(local_models(models_dir)) or "none"
    if architecture not in open_clip.list_models():
        raise ConfigurationError(
            f"Model {model!r} must name an open_clip architecture. Got {architecture!r} instead. "
            f"Available below {models_dir}: {local}; open_clip has {', '.join(open_clip.list_models())}."
        )
    if weights not in tags and Path(weights).is_file():
        towers, preprocess = _load_file(open_clip, architecture, Path(weights))
    elif weights in tags:
        quick_gelu = settings_of_tag(architecture, weights).quick_gelu
        towers, preprocess = _download(
            model, local, models_dir, open_clip, architecture, pretrained=weights, force_quick_gelu=quick_gelu
        )
    else:
        raise ConfigurationError(
            f"Model {model!r} must name weights of {architecture} or a file. Got {weights!r} instead. "
            f"Available: {', '.join(tags) or 'none'}; below {models_dir}: {local}."
        )
    return towers, preprocess, open_clip.get_tokenizer(architecture)


def _load_from_hub(open_clip: Any, model: str, models_dir: Path) -> tuple[Any, Any, Any]:
    local = ", ".join(local_models(models_dir)) or "none"
    towers, preprocess = _download(model, local, models_dir, open_clip, model)
    return towers, preprocess, open_clip.get_tokenizer(model)


def _download(model: str, local: str, models_dir: Path, open_clip: Any, name: str, **how: Any) -> Any:
    try:
        return open_clip.create_model_from_pretrained(name, **how)
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigurationError(
            f"The weights of model {model!r} must be in open_clip's cache or within reach of a download: {error}. "
            f"Models below {models_dir} need neither: {local}."
        ) from error


def _load_file(open_clip: Any, architecture: str, path: Path) -> tuple[Any, Any]:
    settings = settings_of_file(architecture, path)
    root = logging.getLogger()
    root.addFilter(_has_weights_soon)
    try:
        towers = open_clip.create_model(
            architecture,
            pretrained_text=False,
            force_quick_gelu=settings.quick_gelu,
            force_preprocess_cfg=settings.preparation,
        )
    finally:
        root.removeFilter(_has_weights_soon)
    if is_torchscript(path):
        load_torchscript(towers, path)
    else:
        load_checkpoint(towers, architecture, path)
    preparation = open_clip.transform.PreprocessCfg(**towers.visual.preprocess_cfg)
    return towers, open_clip.transform.image_transform_v2(preparation, is_train=False)


def _has_weights_soon(record: logging.LogRecord) -> bool:
    """Whether to log ``record``: open_clip warns of random weights, which are filled at once."""
    return "initialized randomly" not in record.getMessage()


def _check_weights(path: Path) -> None:
    """Read every tensor once: open_clip's own error for a damaged file does not name it."""
    try:
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 (not a dict)
                file.get_slice(name)
    except (OSError, SafetensorError) as error:
        raise DamagedFile(f"{path} must be a whole safetensors file. Got: {error}") from error
