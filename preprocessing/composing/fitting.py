"""The loop of a training that can go on where it stopped, with a log line and a checkpoint after every epoch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from clip_branches.errors import ClipBranchesError
from preprocessing.heads.checkpoint import Checkpoint, Progress

Rows = npt.NDArray[np.int64]


def fit(
    network: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    *,
    epoch: Callable[[int], list[float]],
    score: Callable[[], float],
    epochs: int,
    patience: int,
    identity: str,
    work: Path,
    say: Callable[[str], object] = lambda _: None,
) -> Progress:
    """Train until ``epochs`` or until ``patience`` epochs brought nothing better; the best weights are left in place.

    ``epoch`` trains once over everything and gives the losses, ``score`` is higher the better. ``work`` keeps the
    checkpoint, of which the same call goes on, and ``log.jsonl``. Raises ClipBranchesError where a loss is not finite.
    """
    work.mkdir(parents=True, exist_ok=True)
    checkpoint = Checkpoint(work, identity)
    restored = checkpoint.restore(network, optimiser)
    best, progress = restored or (_copied(network), Progress())
    while progress.epoch < epochs and progress.epoch - progress.best_epoch < patience:
        network.train()
        losses = epoch(progress.epoch)
        if not np.isfinite(losses).all():
            raise ClipBranchesError("The training must have a finite loss. Got NaN or infinity: train more slowly.")
        network.eval()
        reached = score()
        progress.epoch += 1
        line = {"epoch": progress.epoch, "loss": round(float(np.mean(losses)), 5), "validation": round(reached, 5)}
        progress.history.append(line)
        if reached > progress.score:
            best, progress.score, progress.best_epoch = _copied(network), reached, progress.epoch
        checkpoint.save(network, best, optimiser, progress)
        with (work / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        say(f"epoch {progress.epoch} of at most {epochs}: loss {line['loss']:.4f}, validation {reached:.4f}")
    network.load_state_dict(best)
    network.eval()
    return progress


def held_out(count: int, share: float, seed: int) -> tuple[Rows, Rows]:
    """Rows to measure on, a ``share`` of ``count`` and at least 2, and rows to train on: both in random order."""
    held = max(2, round(share * count))
    order = np.random.default_rng(seed).permutation(count)
    return order[:held], order[held:]


def step(optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> float:
    """One step down the gradient of ``loss``; its value before."""
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return float(loss.detach())


def _copied(network: torch.nn.Module) -> dict[str, Any]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
