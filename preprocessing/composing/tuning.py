"""What of the demo's inversion is set once it is trained: how much the words' own vector is added."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from clip_branches.composing.inversion import Inversion
from clip_branches.composing.methods import INVERSION_FILE, InversionComposer
from clip_branches.encoding import Encoder
from preprocessing.composing.demo import TUNING_GROUPS
from preprocessing.composing.evaluation import Gallery, ask
from preprocessing.composing.scene_groups import TRAINING_GROUPS_START, group_vectors

TELLS = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8)


def tune_inversion(
    model: Path,
    work: Path,
    *,
    groups: int = TUNING_GROUPS,
    workers: int = 2,
    say: Callable[[str], object] = lambda _: None,
) -> float:
    """Set the ``tell`` of the network in the folder ``model`` to the one with the best mean figure on codes.

    Those ``groups`` give the sums their balance, too; neither the evaluation nor the training sees them.
    """
    seeds = range(TRAINING_GROUPS_START, TRAINING_GROUPS_START + groups)
    encoder = Encoder.load(f"local-dir:{model}", threads=1)
    gallery = Gallery(encoder, model, ask(seeds), group_vectors(seeds, model, work, workers))
    path = model / INVERSION_FILE
    network, reached = Inversion.load(path), {}
    for tell in TELLS:
        network.tell = tell
        network.save(path)
        figures = gallery.recalls("codes", gallery.composed("codes", InversionComposer(path, encoder)))
        reached[tell] = round(sum(figures.values()) / len(figures), 4)
    network.tell = max(TELLS, key=lambda tell: reached[tell])
    network.save(path)
    say(f"inversion: mean recall on codes by how much of the words is added: {reached}; taken: {network.tell}")
    return network.tell
