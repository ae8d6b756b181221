"""From images and words to 32-d unit vectors and 8-bit codes: open_clip towers, projection heads and the quantiser.

Names are loaded on first use: the quantiser and the heads need numpy alone, only the towers need torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clip_branches.encoding.encoder import Encoder
    from clip_branches.encoding.head import Head
    from clip_branches.encoding.quantiser import Quantiser

__all__ = ["CODE_DIMENSIONS", "Encoder", "Head", "Quantiser"]

CODE_DIMENSIONS = 32
_MODULES = {"Encoder": "encoder", "Head": "head", "Quantiser": "quantiser"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
