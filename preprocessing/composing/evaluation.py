"""How good each method is on groups of scenes of unseen seeds: recall among all, and within the hard subset."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from clip_branches.composing.lift import LIFT_FILE, Lift
from clip_branches.composing.methods import Composer, available_methods, compose_projected, load_composer
from clip_branches.composing.sums import slerp, unit, weighted_sum
from clip_branches.encoding import Encoder
from clip_branches.encoding._files import write_json
from preprocessing.composing.demo import TUNING_GROUPS, stored
from preprocessing.composing.scene_groups import EVALUATION_GROUPS_START, TRAINING_GROUPS_START, group_vectors
from preprocessing.composing.table import FIGURES_FILE, RECALLS, composing_table
from preprocessing.composing.variations import GROUP_SIZE, group_of
from preprocessing.composing.words import difference

Array = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

BALANCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
_MIXES = {"sum": weighted_sum, "slerp": slerp}


@dataclass(frozen=True)
class Asked:
    """Queries over groups: row of the reference, row of the target, and the words between them."""

    references: Rows
    targets: Rows
    words: list[str]


def ask(seeds: range) -> Asked:
    """From the first member of each group of ``seeds`` to each of the five others."""
    generator = np.random.default_rng([seeds.start, 2])
    references, targets, words = [], [], []
    for number, seed in enumerate(seeds):
        members = group_of(seed)
        for after in range(1, GROUP_SIZE):
            references.append(number * GROUP_SIZE)
            targets.append(number * GROUP_SIZE + after)
            words.append(difference(members[0], members[after], generator))
    return Asked(np.array(references), np.array(targets), words)


def compare(model: Path, seeds: range, images: Array, tuning: tuple[range, Array]) -> dict[str, Any]:
    """Figures of every method that the folder ``model`` has networks for, on float vectors and on stored codes.

    ``images`` (groups, 6, d) are unit vectors of the groups of ``seeds``; ``tuning`` are other seeds and their vectors,
    on which the sums get their best balance: a base line should be as good as it can be.
    """
    encoder = Encoder.load(f"local-dir:{model}", threads=1)
    methods = {name: load_composer(name, encoder, folder=model) for name in available_methods(model)}
    test = Gallery(encoder, model, ask(seeds), images)
    other = Gallery(encoder, model, ask(tuning[0]), tuning[1])
    figures: dict[str, Any] = {"groups": len(seeds), "queries": len(test.asked.words), "gallery": len(test.images)}
    for space in ("floats", "codes"):
        rows: dict[str, Any] = {}
        for side, query in (("look alone", test.looks(space)), ("words alone", test.words(space))):
            rows[side] = test.recalls(space, query)
        for name in _MIXES:
            best = max(BALANCES, key=lambda b: other.recalls(space, other.mixed(space, name, b))["R@1"])
            rows[f"{name}, half and half"] = test.recalls(space, test.mixed(space, name, 0.5))
            rows[f"{name}, best balance"] = {"balance": best, **test.recalls(space, test.mixed(space, name, best))}
        for name, composer in methods.items():
            if name not in _MIXES:
                rows[name] = test.recalls(space, test.composed(space, composer))
        figures[space] = rows
    return figures


class Gallery:
    """Groups of images, their codes, and the queries over them."""

    def __init__(self, encoder: Encoder, model: Path, asked: Asked, images: Array) -> None:
        self.asked, self._encoder = asked, encoder
        self.images = np.ascontiguousarray(images.reshape(-1, images.shape[-1]))
        self.codes = unit(stored(encoder, self.images))
        self._texts = encoder.embed_texts(asked.words)
        lift = Lift.load(model / LIFT_FILE) if (model / LIFT_FILE).exists() else Lift.fit(self.codes, self.images)
        self._lifted = lift(stored(encoder, self.images))

    def looks(self, space: str) -> Array:
        return (self.images if space == "floats" else self.codes)[self.asked.references]

    def words(self, space: str) -> Array:
        return self._texts if space == "floats" else self._encoder.project_texts(self._texts)

    def mixed(self, space: str, name: str, balance: float) -> Array:
        return _MIXES[name](self.looks(space), self.words(space), balance)

    def composed(self, space: str, composer: Composer) -> Array:
        """By a network; on codes its reference is what the code tells, and its answer goes through the head."""
        references = (self.images if space == "floats" else self._lifted)[self.asked.references]
        if space == "floats":
            return composer.compose(references, self.asked.words)
        return compose_projected(composer, self._encoder, references, self.asked.words, self.words(space))

    def recalls(self, space: str, queries: Array) -> dict[str, float]:
        """R@K over the whole gallery and Rs@1 over the other members of the group, both without the reference."""
        gallery = self.images if space == "floats" else self.codes
        ranks, subset = (np.concatenate(parts) for parts in zip(*self._ranks(queries, gallery), strict=True))
        figures = {f"R@{limit}": round(float((ranks < limit).mean()), 4) for limit in RECALLS}
        return {**figures, "Rs@1": round(float((subset < 1).mean()), 4)}

    def _ranks(self, queries: Array, gallery: Array) -> Iterator[tuple[Rows, Rows]]:
        for start in range(0, len(queries), 256):
            part = slice(start, start + 256)
            scores = queries[part] @ gallery.T
            at = np.arange(len(scores))
            references, targets = self.asked.references[part], self.asked.targets[part]
            scores[at, references] = -np.inf
            # Equal scores count against the method: codes can be the same.
            better = scores >= scores[at, targets][:, None]
            better[at, targets] = False
            groups = targets[:, None] // GROUP_SIZE * GROUP_SIZE + np.arange(GROUP_SIZE)
            yield better.sum(axis=1), better[at[:, None], groups].sum(axis=1)


def evaluate_demo_composing(
    model: Path, work: Path, *, groups: int = 400, tuning: int = TUNING_GROUPS, workers: int = 2
) -> str:
    """Measure every method on ``groups`` groups of unseen seeds; writes composing.json beside the networks.

    The table is returned, as it stands in the model's README.
    """
    seeds = range(EVALUATION_GROUPS_START, EVALUATION_GROUPS_START + groups)
    others = range(TRAINING_GROUPS_START, TRAINING_GROUPS_START + tuning)
    images = group_vectors(seeds, model, work, workers)
    figures = compare(model, seeds, images, (others, group_vectors(others, model, work, workers)))
    before = json.loads((model / FIGURES_FILE).read_text(encoding="utf-8")) if (model / FIGURES_FILE).is_file() else {}
    write_json(model / FIGURES_FILE, {"training": before.get("training", ""), **figures})
    return composing_table(figures)
