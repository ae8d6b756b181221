"""The training of a textual inversion on told changes alone: descriptions, and what is said to get from one to another.

A group is described member by member; what images of it would look like is drawn from the descriptions' vectors (see
``likeness``), with the same hidden part for the whole group. From the likeness of one member and the words, the
inversion has to find the likeness of another among all members of all groups of the batch, in the backbone's space and
in that of the codes. So it is trained for what it is used for, and has never seen an image.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import cross_entropy

from clip_branches.composing.inversion import Inversion, InvertedText, changed
from clip_branches.composing.lift import Lift
from clip_branches.encoding import Encoder
from preprocessing.composing.config import ToldConfig
from preprocessing.composing.fitting import fit, held_out, step
from preprocessing.composing.likeness import Likeness
from preprocessing.composing.projection import image_layers, projected
from preprocessing.heads.checkpoint import Progress

Array = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
_NEVER = -1e4


@dataclass(frozen=True)
class ToldGroups:
    """Groups in words.

    Attributes
    ----------
    described : float32 (groups, members, d), mean vectors of the descriptions of each member.
    words : what is to be done to the first member to get each other, and back: groups lists of 2 (members - 1) texts.
    """

    described: Array
    words: list[list[str]]


def train_told(
    groups: ToldGroups,
    likeness: Likeness,
    lift: Lift,
    encoder: Encoder,
    config: ToldConfig,
    work: Path,
    *,
    say: Callable[[str], object] = lambda _: None,
) -> tuple[Inversion, Progress]:
    """The inversion with the best in-batch recall on held-out groups, and how the training went.

    ``lift`` makes of a stored code what the service hands in. ``work`` keeps what is needed to go on.
    """
    torch.manual_seed(config.seed)
    for parameter in encoder.model.parameters():
        parameter.requires_grad_(False)
    tower = InvertedText(encoder.model, encoder.tokenizer)
    network = Inversion(
        encoder.embedding_dim,
        tower.word_width,
        config.hidden,
        dropout=config.dropout,
        template=config.template,
        count=config.count,
        context=True,
        reach=1.0,
    )
    network.gap.copy_(torch.from_numpy(likeness.gap))
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    job = _Job(network, tower, groups, likeness, lift, encoder, config)
    digest = hashlib.sha256(config.model_dump_json(exclude={"patience"}).encode())
    digest.update(groups.described.tobytes())
    digest.update(likeness.gap.tobytes())
    progress = fit(
        network,
        optimiser,
        epoch=lambda number: job.epoch(number, optimiser),
        score=job.score,
        epochs=config.epochs,
        patience=config.patience,
        identity=digest.hexdigest(),
        work=work,
        say=say,
    )
    return network, progress


class _Job:
    """The groups' words as tokens and vectors, and the loss over them."""

    def __init__(
        self,
        network: Inversion,
        tower: InvertedText,
        groups: ToldGroups,
        likeness: Likeness,
        lift: Lift,
        encoder: Encoder,
        config: ToldConfig,
    ) -> None:
        self._network, self._tower, self._likeness, self._config = network, tower, likeness, config
        self._encoder, self._lift = encoder, lift
        self._described = torch.from_numpy(groups.described)
        texts = sorted({text for group in groups.words for text in group})
        place = {text: row for row, text in enumerate(texts)}
        self._which = np.array([[place[text] for text in group] for group in groups.words])
        self._told = torch.from_numpy(encoder.embed_texts(texts))
        self._tokens = tower.tokens(tower.said(config.template, config.count, texts))
        self._layers = image_layers(encoder.head)
        others = groups.described.shape[1] - 1
        self._from = torch.tensor([0] * others + list(range(1, others + 1)))
        self._to = torch.tensor(list(range(1, others + 1)) + [0] * others)
        self._held, self._known = held_out(len(groups.words), config.validation, config.seed)

    def epoch(self, number: int, optimiser: torch.optim.Optimizer) -> list[float]:
        config = self._config
        generator = np.random.default_rng([config.seed, number])
        torch.manual_seed(generator.integers(2**62))
        rate = config.learning_rate * (0.02 + 0.49 * (1 + math.cos(math.pi * number / config.epochs)))
        for group in optimiser.param_groups:
            group["lr"] = rate
        rows, losses = generator.permutation(self._known), []
        for start in range(0, len(rows), config.batch_size):
            queries, candidates, own, never = self._batch(rows[start : start + config.batch_size], generator)
            loss = cross_entropy(config.scale * queries @ candidates.T + never, own)
            if self._layers and config.code_share:
                codes = (
                    config.code_scale * projected(self._layers, queries) @ projected(self._layers, candidates).T + never
                )
                loss = (1 - config.code_share) * loss + config.code_share * cross_entropy(codes, own)
            losses.append(step(optimiser, loss))
        return losses

    def score(self) -> float:
        """Share of the held-out queries whose target comes first, by the backbone's vectors."""
        with torch.inference_mode():
            torch.manual_seed(self._config.seed)
            queries, candidates, own, never = self._batch(self._held, np.random.default_rng(self._config.seed))
            return float(((queries @ candidates.T + never).argmax(dim=1) == own).float().mean())

    def _batch(
        self, rows: Rows, generator: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Queries [q, d], candidates [c, d], which is each one's own [q], and what keeps the reference out [q, c]."""
        described = self._described[torch.from_numpy(rows)]
        hidden = self._likeness.hidden(len(rows))[:, None]
        members = self._likeness.images(described, hidden)
        references = members[:, self._from].flatten(0, 1)
        if generator.random() < self._config.lifted:
            references = self._stored(references)
        asked = torch.from_numpy(self._which[rows].reshape(-1))
        queries = changed(self._network, self._tower, references, self._told[asked], self._tokens[asked])
        first = torch.arange(len(rows))[:, None] * members.shape[1]
        never = torch.zeros(len(queries), len(rows) * members.shape[1])
        never[torch.arange(len(queries)), (first + self._from).reshape(-1)] = _NEVER
        return queries, members.flatten(0, 1), (first + self._to).reshape(-1), never

    def _stored(self, images: torch.Tensor) -> torch.Tensor:
        """What is left of images [n, d] once only their code is kept."""
        vectors = self._encoder.project_images(images.numpy())
        if self._encoder.quantiser is not None:
            vectors = self._encoder.quantiser.decode(self._encoder.quantiser.encode(vectors))
        return torch.from_numpy(self._lift(vectors))
