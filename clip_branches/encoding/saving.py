"""A trained open_clip model as a folder that loads as ``local-dir:<folder>``, config and preparation with it."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clip_branches.encoding.fingerprint import local_model_folder
from clip_branches.errors import ConfigurationError
from clip_branches.files import write_whole

if TYPE_CHECKING:
    from clip_branches.encoding import Encoder

_CONFIG = "open_clip_config.json"
_WEIGHTS = "open_clip_model.safetensors"
_PREPARATION = ("size", "mode", "mean", "std", "interpolation", "resize_mode", "fill_color")


def architecture_of(model: str, models_dir: Path, encoder: Encoder) -> dict[str, Any]:
    """The ``model_cfg`` of the ``model`` that ``encoder`` was loaded from.

    Raises ConfigurationError for one whose architecture is nowhere to be read.
    """
    folder = local_model_folder(model, models_dir)
    if folder is not None:
        return dict(json.loads((folder / _CONFIG).read_text(encoding="utf-8"))["model_cfg"])
    if model.startswith("hf-hub:"):
        hub = importlib.import_module("huggingface_hub")
        path = Path(hub.hf_hub_download(model.removeprefix("hf-hub:"), _CONFIG))
        return dict(json.loads(path.read_text(encoding="utf-8"))["model_cfg"])
    config = importlib.import_module("open_clip").get_model_config(model.partition("/")[0])
    if config is None:
        raise ConfigurationError(f"The architecture of the model {model!r} must be one of open_clip's. It is not.")
    # The weights may have asked for another activation than the name.
    quick = any(type(part).__name__ == "QuickGELU" for part in encoder.model.modules())
    return {**config, "quick_gelu": True} if quick else dict(config)


def save_model(encoder: Encoder, architecture: dict[str, Any], folder: Path) -> None:
    """Write the towers of ``encoder`` into ``folder``: weights first, so that a config always has its weights.

    Heads and networks of the model that was trained do not fit any more and are not taken along.
    """
    from safetensors.torch import save

    model = encoder.model
    preparation = {name: value for name, value in model.visual.preprocess_cfg.items() if name in _PREPARATION}
    config = {"model_cfg": architecture, "preprocess_cfg": preparation}
    # Tensors that share memory are refused by safetensors.
    state = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in model.state_dict().items()}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _CONFIG).unlink(missing_ok=True)
    write_whole(folder / _WEIGHTS, save(state))
    write_whole(folder / _CONFIG, (json.dumps(config, indent=2) + "\n").encode())
