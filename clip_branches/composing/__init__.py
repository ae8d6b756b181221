"""An image and words that change it, as one query: composed image retrieval, by several methods behind one interface.

Names are loaded on first use: sums need numpy alone, only the networks need torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clip_branches.composing.combiner import Combiner
    from clip_branches.composing.inversion import Inversion
    from clip_branches.composing.methods import Composer, load_composer
    from clip_branches.composing.sums import slerp, weighted_sum

__all__ = ["Combiner", "Composer", "Inversion", "load_composer", "slerp", "weighted_sum"]

_MODULES = {
    "Combiner": "combiner",
    "Composer": "methods",
    "Inversion": "inversion",
    "load_composer": "methods",
    "slerp": "sums",
    "weighted_sum": "sums",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
