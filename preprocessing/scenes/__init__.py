"""Seeded illustrated scenes with captions and ground truth: the demo catalogue and what the demo model learns from."""

from __future__ import annotations

from preprocessing.scenes.captions import caption
from preprocessing.scenes.render import render
from preprocessing.scenes.scene import (
    CATALOGUE_SEEDS_START,
    EVALUATION_SEEDS_START,
    SEED_RANGE,
    TRAINING_SEEDS_START,
    Scene,
    ground_truth,
    sample_scene,
    swapped,
    with_changes,
)
from preprocessing.scenes.vocabulary import (
    COLOR_WORDS,
    COLORS,
    COUNT_WORDS,
    HIDDEN,
    HIDDEN_WORDS,
    KIND_WORDS,
    KINDS,
    POSITIONS,
    SETTING_NOUNS,
    SETTING_PHRASES,
    SETTINGS,
    SIZES,
    STYLES,
    plural,
)

__all__ = [
    "CATALOGUE_SEEDS_START",
    "COLORS",
    "COLOR_WORDS",
    "COUNT_WORDS",
    "EVALUATION_SEEDS_START",
    "HIDDEN",
    "HIDDEN_WORDS",
    "KINDS",
    "KIND_WORDS",
    "POSITIONS",
    "SEED_RANGE",
    "SETTINGS",
    "SETTING_NOUNS",
    "SETTING_PHRASES",
    "SIZES",
    "STYLES",
    "TRAINING_SEEDS_START",
    "Scene",
    "caption",
    "ground_truth",
    "plural",
    "render",
    "sample_scene",
    "swapped",
    "with_changes",
]
