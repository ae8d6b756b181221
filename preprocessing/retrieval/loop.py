"""The loop of a training: steps, a test and a checkpoint now and then, and the best weights at the end."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from clip_branches.errors import ClipBranchesError
from clip_branches.files import write_whole
from preprocessing.heads.checkpoint import Checkpoint, Progress
from preprocessing.progress import Progress as Bar

LOG_FILE = "log.jsonl"


class Trainee(Protocol):
    """What is trained: ``network`` holds all that must be kept, ``steps`` are those of an epoch."""

    @property
    def network(self) -> torch.nn.Module: ...

    @property
    def optimiser(self) -> torch.optim.Optimizer: ...

    @property
    def steps(self) -> int: ...

    def epoch(self, number: int, first: int) -> Iterator[tuple[int, dict[str, float]]]:
        """Make the steps of an epoch from ``first`` on; for each one its number of images and its losses."""

    def test(self) -> dict[str, float]:
        """Figures of the network as it is; "score" is what the best weights have most of."""


def rate_at(step: int, steps: int, first: float, last_share: float) -> float:
    """The learning rate of ``step`` of ``steps``: along half a cosine from ``first`` to ``last_share`` of it."""
    return first * (last_share + (1 - last_share) * 0.5 * (1 + math.cos(math.pi * step / max(steps, 1))))


def run_training(
    trainee: Trainee,
    *,
    epochs: int,
    tests_per_epoch: int,
    images: int,
    identity: str,
    work: Path,
    say: Callable[[str], object] = lambda _: None,
) -> Progress:
    """Train for ``epochs`` over ``images`` and leave the best weights in place, those of the start among them.

    ``work`` keeps a checkpoint of which the same call goes on, and a log, a line a test. ``progress.epoch`` counts the
    tests after the start's. Raises ClipBranchesError where a loss is not finite.
    """
    work.mkdir(parents=True, exist_ok=True)
    checkpoint = Checkpoint(work, identity)
    tests = min(tests_per_epoch, trainee.steps)
    bounds = [round((number + 1) * trainee.steps / tests) for number in range(tests)]
    restored = checkpoint.restore(trainee.network, trainee.optimiser)
    best, progress = restored or (_copied(trainee.network), Progress())

    def test(epoch: float, losses: dict[str, float]) -> None:
        nonlocal best
        figures = trainee.test()
        line = {"epoch": round(epoch, 3), **losses, **{name: round(value, 5) for name, value in figures.items()}}
        progress.history.append(line)
        # Of equal ones the later: it has learnt more of what is not tested.
        if figures["score"] >= progress.score:
            best, progress.score, progress.best_epoch = _copied(trainee.network), figures["score"], progress.epoch
        checkpoint.save(trainee.network, best, trainee.optimiser, progress)
        lines = "".join(json.dumps(one) + "\n" for one in progress.history)
        write_whole(work / LOG_FILE, lines.encode())
        say(", ".join(f"{name} {value:g}" for name, value in line.items()))

    if restored is None:
        test(0.0, {})
    already = images * progress.epoch // tests
    with Bar("training", images * epochs, already=already) as bar:
        while progress.epoch < epochs * tests:
            number, inner = divmod(progress.epoch, tests)
            first = bounds[inner - 1] if inner else 0
            losses: list[dict[str, float]] = []
            for step, (count, loss) in enumerate(trainee.epoch(number, first), start=first + 1):
                losses.append(loss)
                bar.update(count)
                if step == bounds[inner]:
                    progress.epoch += 1
                    test(progress.epoch / tests, _mean(losses))
                    inner, losses = inner + 1, []
    trainee.network.load_state_dict(best)
    return progress


def _mean(losses: list[dict[str, float]]) -> dict[str, float]:
    found = {name: float(np.mean([one[name] for one in losses])) for name in losses[0]}
    if not np.isfinite(list(found.values())).all():
        raise ClipBranchesError(
            "The training must have a finite loss. Got NaN or infinity: a smaller learning_rate helps."
        )
    return {name: round(value, 5) for name, value in found.items()}


def _copied(network: torch.nn.Module) -> dict[str, Any]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
