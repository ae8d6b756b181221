"""The search engine: box index, decision branches, ensembles, linear scorer, neighbours and answer sets."""

from clip_branches.engine.answers import AnswerSet
from clip_branches.engine.box import Box
from clip_branches.engine.branch import DecisionBranch
from clip_branches.engine.catalogue_engine import CatalogueEngine
from clip_branches.engine.ensemble import BranchEnsemble
from clip_branches.engine.explain import BoxFacts, Rule, Why
from clip_branches.engine.feedback import MODEL_NAMES, explanation_boxes, fit_feedback
from clip_branches.engine.index import BLOCK_SIZE, BoxIndex, index_order
from clip_branches.engine.linear_scorer import LinearScorer
from clip_branches.engine.suggest import Suggestions, suggest
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
    "Suggestions",
    "Why",
    "Workers",
    "explanation_boxes",
    "fit_feedback",
    "index_order",
    "suggest",
    "warm_up",
]
