"""CLIP-Branches: complete image search by feedback, over 32-d 8-bit CLIP codes.

Public names are loaded on first use, so that a service that needs only the schemas never imports numba or torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clip_branches.catalogue import Catalogue
    from clip_branches.engine import Box, BoxIndex, BranchEnsemble, DecisionBranch, LinearScorer

__version__ = "0.1.0"
__all__ = ["Box", "BoxIndex", "BranchEnsemble", "Catalogue", "DecisionBranch", "LinearScorer"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    package = "catalogue" if name == "Catalogue" else "engine"
    return getattr(importlib.import_module(f"{__name__}.{package}"), name)
