"""The training of a pair of heads: contrastive, held near its start, stopped by the recall of unseen pairs."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clip_branches.encoding import Head
from clip_branches.errors import ClipBranchesError, InvalidInput
from preprocessing.demo_model.losses import koleo
from preprocessing.heads.checkpoint import Checkpoint, Progress
from preprocessing.heads.config import HeadConfig
from preprocessing.heads.losses import contrastive, mmd
from preprocessing.heads.measure import validation_score
from preprocessing.heads.network import HeadNetwork, begin
from preprocessing.heads.pairs import Pairs

_FEWEST = 8
_LARGEST_SCALE = 100.0  # as CLIP's own training caps it


def train(
    train_pairs: Pairs,
    validation: Pairs,
    config: HeadConfig,
    *,
    device: torch.device | None = None,
    work: Path | None = None,
    after_epoch: Callable[[Progress], object] = lambda _: None,
) -> tuple[Head, Progress]:
    """The heads with the best recall on ``validation``, their start included, and how the training went.

    With ``work`` a checkpoint is kept there after every epoch, and the same call goes on from it. Raises InvalidInput
    for fewer than 8 pairs on either side.
    """
    if min(len(train_pairs), len(validation)) < _FEWEST:
        raise InvalidInput(
            f"train-head must have at least {_FEWEST} pairs to train on and as many for validation. "
            f"Got {len(train_pairs)} and {len(validation)} instead."
        )
    device = device or torch.device("cpu")
    network = begin(train_pairs, config).to(device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    start = [parameter.detach().clone() for parameter in _weights(network)]
    checkpoint = Checkpoint(work, _identity(train_pairs, validation, config)) if work is not None else None
    restored = checkpoint.restore(network, optimiser) if checkpoint is not None else None
    best, progress = restored or (_copied(network), Progress(score=_score(network, validation)))
    steps = _Steps(network, optimiser, start, config, device)
    while progress.epoch < config.epochs and progress.epoch - progress.best_epoch < config.patience:
        loss = steps.epoch(train_pairs, progress.epoch)
        score = _score(network, validation)
        progress.epoch += 1
        progress.history.append({"epoch": progress.epoch, "loss": round(loss, 5), "validation": round(score, 5)})
        if score > progress.score:
            best, progress.score, progress.best_epoch = _copied(network), score, progress.epoch
        if checkpoint is not None:
            checkpoint.save(network, best, optimiser, progress)
        after_epoch(progress)
    network.load_state_dict(best)
    return network.cpu().eval().export(), progress


class _Steps:
    """One pass over the pairs at a time."""

    def __init__(
        self,
        network: HeadNetwork,
        optimiser: torch.optim.Optimizer,
        start: list[torch.Tensor],
        config: HeadConfig,
        device: torch.device,
    ) -> None:
        self._network, self._optimiser, self._start = network, optimiser, start
        self._config, self._device = config, device

    def epoch(self, pairs: Pairs, number: int) -> float:
        """Train on every pair once, in an order of its own for each epoch ``number``; the mean loss."""
        self._network.train()
        generator = np.random.default_rng([self._config.seed, number])
        losses = [self._step(pairs.take(rows), generator) for rows in _batches(len(pairs), self._config, generator)]
        if not np.isfinite(losses).all():
            raise ClipBranchesError(
                "The training of the heads must have a finite loss. Got NaN or infinity: a smaller learning_rate helps."
            )
        return float(np.mean(losses))

    def _step(self, batch: Pairs, generator: np.random.Generator) -> float:
        config = self._config
        images, texts = (
            torch.from_numpy(_noisy(side, config.noise, generator)).to(self._device)
            for side in (batch.images, batch.texts)
        )
        groups = torch.from_numpy(batch.groups).to(self._device)
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=config.precision == "bf16"):
            u, v = self._network.image(images), self._network.text(texts)
        u, v = u.float(), v.float()
        scale = self._network.log_scale.exp().clamp(max=_LARGEST_SCALE)
        loss = contrastive(u, v, scale, groups, config.distance)
        if config.koleo:
            loss = loss + config.koleo * 0.5 * (koleo(u) + koleo(v))
        if config.mmd:
            loss = loss + config.mmd * mmd(u, v)
        if config.pull and not config.hidden:
            moved = (now - then for now, then in zip(_weights(self._network), self._start, strict=True))
            loss = loss + config.pull * sum((step.square().sum() for step in moved), start=torch.zeros(()).to(u))
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self._optimiser.step()
        return float(loss.detach())


def split(count: int, share: float, generator: np.random.Generator) -> tuple[Any, Any]:
    """Row numbers of ``count`` pairs, at random: the others, and a ``share`` of them (at least 8 where it is not 0)."""
    order = generator.permutation(count)
    part = max(round(share * count), _FEWEST) if share else 0
    return np.sort(order[part:]), np.sort(order[:part])


def _batches(count: int, config: HeadConfig, generator: np.random.Generator) -> Iterator[np.ndarray]:
    # A few hundred pairs still make several steps an epoch; a last batch too small to compare within is left out.
    size = min(config.batch_size, max(_FEWEST, -(-count // 4)))
    order = generator.permutation(count)
    for first in range(0, count, size):
        rows = order[first : first + size]
        if len(rows) >= min(_FEWEST, size):
            yield rows


def _noisy(rows: np.ndarray, amount: float, generator: np.random.Generator) -> np.ndarray:
    if not amount:
        return np.ascontiguousarray(rows, dtype=np.float32)
    spread = amount * rows.std(axis=0, keepdims=True)
    return np.asarray(rows + spread * generator.standard_normal(rows.shape, dtype=np.float32), dtype=np.float32)


def _weights(network: HeadNetwork) -> list[torch.Tensor]:
    return [part.last.weight for part in (network.image, network.text)]


def _copied(network: HeadNetwork) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def _score(network: HeadNetwork, validation: Pairs) -> float:
    network.eval()
    device = network.log_scale.device
    with torch.inference_mode():
        images, texts = (
            part(torch.from_numpy(np.ascontiguousarray(side)).to(device)).float().cpu().numpy()
            for part, side in ((network.image, validation.images), (network.text, validation.texts))
        )
    with contextlib.suppress(FloatingPointError):
        return validation_score(images, texts, validation.groups)
    return -1.0


def _identity(train_pairs: Pairs, validation: Pairs, config: HeadConfig) -> str:
    """Digest of all that decides a training but for how long it may go on."""
    digest = hashlib.sha256(config.model_dump_json(exclude={"epochs", "patience"}).encode())
    for pairs in (train_pairs, validation):
        for rows in (pairs.images, pairs.texts):
            digest.update(np.ascontiguousarray(rows).data)
    return digest.hexdigest()
