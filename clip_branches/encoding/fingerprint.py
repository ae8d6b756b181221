"""Which towers made an embedding: a digest, so that vectors of two models are never mixed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from clip_branches.errors import ConfigurationError
from clip_branches.files import sha256_of

if TYPE_CHECKING:
    from clip_branches.encoding import Encoder

# Raised when the way from file to tensor changes: shards made the old way are then made anew.
_DECODING = 1
_TOWER_FILES = ("open_clip_config.json", "open_clip_model.safetensors")


def local_model_folder(model: str, models_dir: Path) -> Path | None:
    """The folder of a local model ("demo", "local-dir:path"), or None when the name is open_clip's own."""
    folder = Path(model.removeprefix("local-dir:")) if model.startswith("local-dir:") else models_dir / model
    return folder if (folder / _TOWER_FILES[0]).is_file() else None


def check_model(model: str, models_dir: Path) -> None:
    """Raise ConfigurationError at once for a name that is neither a local model nor of open_clip's form.

    Whether open_clip knows ARCHITECTURE/WEIGHTS is told when it is loaded: that takes torch, and maybe a download.
    """
    if local_model_folder(model, models_dir) is None and (model.startswith("local-dir:") or "/" not in model):
        known = ", ".join(sorted(path.parent.name for path in models_dir.glob(f"*/{_TOWER_FILES[0]}"))) or "none"
        raise ConfigurationError(
            f"The 'model' must be a folder below {models_dir}, local-dir:PATH, or open_clip's ARCHITECTURE/WEIGHTS "
            f"such as ViT-B-32/openai. Got {model!r} instead. Below {models_dir}: {known}."
        )


def check_towers(model: str, models_dir: Path, fingerprint: str | None) -> None:
    """Raise ConfigurationError when a local ``model`` is not the one of the ``fingerprint`` that a catalogue notes.

    A query encoded by other towers than the catalogue's images would be answered, and wrongly. A model that
    open_clip loads by name is told apart once it is loaded, by :func:`check_encoder`.
    """
    folder = local_model_folder(model, models_dir)
    if folder is not None and fingerprint is not None and fingerprint_of_folder(folder) != fingerprint:
        raise ConfigurationError(
            f"The model in {folder} must be the one that made the catalogue. Got another: build the catalogue again."
        )


def check_encoder(model: str, models_dir: Path, encoder: Encoder, fingerprint: str | None) -> None:
    """Raise ConfigurationError when a loaded model of open_clip's is not the one of a catalogue's ``fingerprint``.

    Local models are told apart without loading them, by :func:`check_towers`.
    """
    if fingerprint is None or local_model_folder(model, models_dir) is not None:
        return
    if fingerprint_of_encoder(model, encoder) != fingerprint:
        raise ConfigurationError(
            f"The model {model!r} must be the one that made the catalogue. Got other weights or another preparation of "
            "images under that name: build the catalogue again."
        )


def fingerprint_of_folder(folder: Path) -> str:
    """Digest of a local model: its config (architecture and preprocessing) and its weights; no torch is needed.

    Raises ConfigurationError, naming the file, where one cannot be read.
    """
    try:
        parts = [f"{name} {sha256_of(folder / name)}" for name in _TOWER_FILES]
    except OSError as error:
        raise ConfigurationError(
            f"The model in {folder} must have the files {' and '.join(_TOWER_FILES)}. Got {error.filename}: "
            f"{error.strerror} instead."
        ) from error
    return _digest(parts)


def fingerprint_of_encoder(model: str, encoder: Encoder) -> str:
    """Digest of a model that open_clip loads by name: its weights and its preprocessing."""
    weights = hashlib.sha256()
    for name, tensor in sorted(encoder.model.state_dict().items()):
        weights.update(name.encode())
        weights.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    # The same weights under another activation are another model.
    activation = ["QuickGELU"] if any(type(part).__name__ == "QuickGELU" for part in encoder.model.modules()) else []
    return _digest([model, weights.hexdigest(), repr(encoder.preprocess), *activation])


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\n".join([f"decoding {_DECODING}", *parts]).encode()).hexdigest()[:32]
