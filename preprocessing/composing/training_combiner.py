"""The training of a Combiner on triplets (CLIP4Cir, stage 2): towers stand still, targets contrast in the batch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy, normalize

from clip_branches.composing.combiner import Combiner
from clip_branches.encoding import Head
from preprocessing.composing.config import CombinerConfig
from preprocessing.composing.fitting import fit, step
from preprocessing.composing.projection import Layers, image_layers, projected
from preprocessing.composing.triplets import Rows, Triplets, batches
from preprocessing.heads.checkpoint import Progress


def train_combiner(
    triplets: Triplets,
    config: CombinerConfig,
    work: Path,
    *,
    head: Head | None = None,
    raw: bool = False,
    say: Callable[[str], object] = lambda _: None,
) -> tuple[Combiner, Progress]:
    """The Combiner with the best in-batch recall on held-out groups, and how the training went.

    ``head`` projects to the 32-d vectors on which ``config.code_share`` of the loss is taken; ``raw`` notes that the
    vectors are as the towers gave them. ``work`` keeps what is needed to go on after an interruption.
    """
    torch.manual_seed(config.seed)
    known, held = triplets.split(config.validation, np.random.default_rng(config.seed))
    network = Combiner(triplets.images.shape[1], config.projection, config.hidden, dropout=config.dropout, raw=raw)
    optimiser = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
    loss = _Loss(network, triplets, config, image_layers(head))

    def epoch(number: int) -> list[float]:
        generator = np.random.default_rng([config.seed, number])
        torch.manual_seed(generator.integers(2**62))
        return [
            step(optimiser, loss(known, rows, generator))
            for rows in batches(known.groups, config.batch_size, generator)
        ]

    def score() -> float:
        with torch.inference_mode():
            generator = np.random.default_rng(config.seed)
            parts = batches(held.groups, config.batch_size, generator)
            return float(np.mean([loss.recall(held, rows) for rows in parts]))

    identity = triplets.identity(config.model_dump_json(exclude={"epochs", "patience"}))
    progress = fit(
        network,
        optimiser,
        epoch=epoch,
        score=score,
        epochs=config.epochs,
        patience=config.patience,
        identity=identity,
        work=work,
        say=say,
    )
    return network, progress


class _Loss:
    """One-directional cross-entropy of scaled dot products: query i against every target of the batch."""

    def __init__(
        self,
        network: Combiner,
        triplets: Triplets,
        config: CombinerConfig,
        layers: Layers,
    ) -> None:
        self._network, self._config = network, config
        self._images = torch.from_numpy(triplets.images)
        self._stored = None if triplets.stored is None else torch.from_numpy(triplets.stored)
        self._layers = layers

    def __call__(self, triplets: Triplets, rows: Rows, generator: np.random.Generator) -> torch.Tensor:
        config = self._config
        queries, candidates, own = self._batch(triplets, rows, generator)
        loss = cross_entropy(config.scale * queries @ normalize(candidates, dim=-1).T, own)
        if not self._layers or not config.code_share:
            return loss
        codes = config.code_scale * self._project(queries) @ self._project(candidates).T
        return (1 - config.code_share) * loss + config.code_share * cross_entropy(codes, own)

    def recall(self, triplets: Triplets, rows: Rows) -> float:
        """Share of ``rows`` whose target comes first, in the space that the loss is mostly taken in."""
        queries, candidates, own = self._batch(triplets, rows, None)
        if self._layers and self._config.code_share:
            queries, candidates = self._project(queries), self._project(candidates)
        return float((torch.argmax(queries @ normalize(candidates, dim=-1).T, dim=1) == own).float().mean())

    def _batch(
        self, triplets: Triplets, rows: Rows, generator: np.random.Generator | None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Composed vectors [b, d], the batch's different targets [t, d], and which is each one's own [b]."""
        references = self._images[torch.from_numpy(triplets.references[rows])]
        if generator is not None and self._stored is not None and self._config.lifted:
            lifted = torch.from_numpy(generator.random(len(rows)) < self._config.lifted)
            stored = self._stored[torch.from_numpy(triplets.references[rows])]
            references = torch.where(lifted[:, None], stored, references)
        # A target of two triplets is one candidate: it must not be its own negative.
        targets, own = np.unique(triplets.targets[rows], return_inverse=True)
        queries = self._network(references, torch.from_numpy(triplets.texts[rows]))
        return queries, self._images[torch.from_numpy(targets)], torch.from_numpy(own)

    def _project(self, vectors: torch.Tensor) -> torch.Tensor:
        return projected(self._layers, normalize(vectors, dim=-1))
