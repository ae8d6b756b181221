"""The search engine: box index, decision branches, ensembles, linear scorer, neighbours and answer sets.

Names are loaded on first use: who only builds an index needs neither scikit-learn nor SciPy, a second to import.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from clip_branches.engine.suggest import Suggestions, suggest  # at once: function and module have one name

if TYPE_CHECKING:
    from clip_branches.engine.answers import AnswerSet
    from clip_branches.engine.box import Box
    from clip_branches.engine.branch import DecisionBranch
    from clip_branches.engine.catalogue_engine import CatalogueEngine
    from clip_branches.engine.ensemble import BranchEnsemble
    from clip_branches.engine.explain import BoxFacts, Rule, Why
    from clip_branches.engine.feedback import MODEL_NAMES, explanation_boxes, fit_feedback
    from clip_branches.engine.index import BLOCK_SIZE, BoxIndex, index_order
    from clip_branches.engine.linear_scorer import LinearScorer
    from clip_branches.engine.search_engine import SearchEngine
    from clip_branches.engine.warm import warm_up
    from clip_branches.engine.workers import Workers

__all__ = [
    "BLOCK_SIZE",
    "MODEL_NAMES",
    "AnswerSet",
    "Box",
    "BoxFacts",
    "BoxIndex",
    "BranchEnsemble",
    "CatalogueEngine",
    "DecisionBranch",
    "LinearScorer",
    "Rule",
    "SearchEngine",
    "Suggestions",
    "Why",
    "Workers",
    "explanation_boxes",
    "fit_feedback",
    "index_order",
    "suggest",
    "warm_up",
]

_MODULES = {
    "BLOCK_SIZE": "index",
    "MODEL_NAMES": "feedback",
    "AnswerSet": "answers",
    "Box": "box",
    "BoxFacts": "explain",
    "BoxIndex": "index",
    "BranchEnsemble": "ensemble",
    "CatalogueEngine": "catalogue_engine",
    "DecisionBranch": "branch",
    "LinearScorer": "linear_scorer",
    "Rule": "explain",
    "SearchEngine": "search_engine",
    "Why": "explain",
    "Workers": "workers",
    "explanation_boxes": "feedback",
    "fit_feedback": "feedback",
    "index_order": "index",
    "warm_up": "warm",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
