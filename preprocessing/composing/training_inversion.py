"""The training of a textual inversion from text alone (LinCIR, CVPR 2024), with told changes where there are some.

A caption's vector, with noise as wide as images lie from texts, becomes a word; the caption with that word in place of
its keywords must mean the same. Where changes are told ("before", "words", "after") the word of what was before,
with the words behind it, must mean what came after, and not what came of the others in the batch.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import cross_entropy, normalize

from clip_branches.composing.inversion import PSEUDO_WORD, Inversion, InvertedText
from clip_branches.encoding import Encoder
from clip_branches.errors import InvalidInput
from preprocessing.composing.config import InversionConfig
from preprocessing.composing.fitting import fit, held_out, step
from preprocessing.heads.checkpoint import Progress

_FEWEST = 4
_WORD = re.compile(r"\w[\w'-]*|[^\w\s]")
# What is no keyword: articles, prepositions, pronouns, auxiliaries, and the words of a caption about being a picture.
_FUNCTION_WORDS = frozenset(
    "a an the in on at by of and or with near next to beside among under from for into over behind is are was be it "
    "its this that there one two three four five some his her their photo picture image scene".split()
)


class Told(NamedTuple):
    """A caption, what is to change, and the caption of what comes of it."""

    before: str
    words: str
    after: str


def masked(caption: str) -> str:
    """``caption`` with ``$`` in place of each run of keywords; ``$`` alone where there are none."""
    made: list[str] = []
    for word in _WORD.findall(caption):
        kept = word.lower() in _FUNCTION_WORDS or not word[0].isalnum()
        if kept:
            made.append(word)
        elif not made or made[-1] != PSEUDO_WORD:
            made.append(PSEUDO_WORD)
    return " ".join(made) if PSEUDO_WORD in made else PSEUDO_WORD


def train_inversion(
    captions: Sequence[str],
    encoder: Encoder,
    config: InversionConfig,
    work: Path,
    *,
    told: Sequence[Told] = (),
    gap: np.ndarray | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> tuple[Inversion, Progress]:
    """The network that best restores held-out captions, and how the training went.

    ``gap`` (d,) is added to an image's vector before it is taken for a text's: the mean of texts less that of images.
    Raises InvalidInput for fewer than 4 captions.
    """
    captions = sorted({caption.strip() for caption in captions if caption.strip()})
    if len(captions) < _FEWEST:
        raise InvalidInput(f"train-inversion must have at least {_FEWEST} different captions. Got {len(captions)}.")
    torch.manual_seed(config.seed)
    for parameter in encoder.model.parameters():
        parameter.requires_grad_(False)
    tower = InvertedText(encoder.model, encoder.tokenizer)
    network = Inversion(
        encoder.embedding_dim, tower.word_width, config.hidden, dropout=config.dropout, template=config.template
    )
    if gap is not None:
        network.gap.copy_(torch.from_numpy(np.asarray(gap, np.float32)))
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    job = _Job(network, tower, encoder, captions, list(told), config)
    digest = hashlib.sha256(json.dumps([captions, told, config.model_dump(exclude={"epochs", "patience"})]).encode())
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
    """The texts, embedded once, and the losses over them."""

    def __init__(
        self,
        network: Inversion,
        tower: InvertedText,
        encoder: Encoder,
        captions: list[str],
        told: list[Told],
        config: InversionConfig,
    ) -> None:
        self._network, self._tower, self._config = network, tower, config
        self._masked = [masked(caption) for caption in captions]
        self._vectors = torch.from_numpy(encoder.embed_texts(captions))
        self._told = told
        self._before, self._after = (
            torch.from_numpy(encoder.embed_texts(texts)) if texts else None
            for texts in ([one.before for one in told], [one.after for one in told])
        )
        self._held, self._known = held_out(len(captions), config.validation, config.seed)

    def epoch(self, number: int, optimiser: torch.optim.Optimizer) -> list[float]:
        config = self._config
        generator = np.random.default_rng([config.seed, number])
        torch.manual_seed(generator.integers(2**62))
        rows = generator.permutation(self._known)
        losses = []
        for start in range(0, len(rows), config.batch_size):
            loss = self._restored(rows[start : start + config.batch_size], noise=True)
            if self._told:
                picked = generator.choice(len(self._told), min(config.batch_size, len(self._told)), replace=False)
                loss = loss + self._changed(picked)
            losses.append(step(optimiser, loss))
        return losses

    def score(self) -> float:
        """Mean cosine of held-out captions and what their own words restore, without noise."""
        with torch.inference_mode():
            return 1.0 - float(self._restored(self._held, noise=False)) / 2

    def _restored(self, rows: np.ndarray, *, noise: bool) -> torch.Tensor:
        vectors = self._vectors[torch.from_numpy(rows)]
        words = self._network(self._noisy(vectors) if noise else vectors)
        tokens = self._tower.tokens([self._masked[row] for row in rows])
        restored = self._tower.embed(tokens, words, tokens == self._tower.pseudo_token)
        return 2 * (1 - (restored * vectors).sum(dim=1)).mean()

    def _changed(self, rows: np.ndarray) -> torch.Tensor:
        picked = torch.from_numpy(rows)
        words = self._network(self._noisy(self._before[picked]))  # type: ignore[index]
        said = self._tower.embed_said(self._network.template, words, [self._told[row].words for row in rows])
        return cross_entropy(self._config.scale * said @ self._after[picked].T, torch.arange(len(rows)))  # type: ignore[index]

    def _noisy(self, vectors: torch.Tensor) -> torch.Tensor:
        direction = normalize(torch.randn_like(vectors), dim=1)
        return normalize(vectors + self._config.noise * torch.rand(len(vectors), 1) * direction, dim=1)
