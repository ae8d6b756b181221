"""Files of weights: read without running what is in them, and what reading a damaged one raises."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError  # nosec B403 - the error alone: torch reads .pt files with its restricted reader
from typing import Any

from safetensors import SafetensorError

from clip_branches.errors import DamagedFile

# What torch's restricted reader raises on bytes that are no weights, beside its own errors.
UNREADABLE = (
    OSError,
    RuntimeError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    UnpicklingError,
    SafetensorError,
)


def read_weights(path: Path) -> dict[str, Any]:
    """What a .safetensors file, or a .pt of tensors alone, holds by name.

    Raises DamagedFile, naming the file, for one that is not whole or holds something else.
    """
    import torch
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        state = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise DamagedFile(f"{path} must be a whole file of weights. Got: {_told(error)}") from error
    if not isinstance(state, dict):
        raise DamagedFile(f"{path} must hold weights by name. Got {type(state).__name__} instead.")
    return state


def _told(error: Exception) -> str:
    """What torch says in one line, without its advice to load whatever is in the file."""
    lines = str(error).splitlines()
    if "weights_only" in str(error):
        return "no file of tensors alone; any other object could run code and is never loaded"
    return lines[0] if lines else type(error).__name__
