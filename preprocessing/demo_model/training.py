"""The training loop of the demo model."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from preprocessing.demo_model.batches import Batches
from preprocessing.demo_model.config import TrainingConfig
from preprocessing.demo_model.network import DemoNetwork
from preprocessing.demo_model.objectives import losses_of
from preprocessing.demo_model.team import Team

_HIGHEST_SCALE = float(np.log(100.0))


def train(
    network: DemoNetwork,
    batches: Batches,
    config: TrainingConfig,
    log: Path,
    after_epoch: Callable[[int], dict[str, float]],
    team: Team | None = None,
) -> None:
    """Train ``network`` in place; one JSON line an epoch goes to ``log``, with what ``after_epoch`` measured.

    In a ``team`` every worker trains on batches of its own and takes the step of their mean gradient; the first one
    keeps the log.
    """
    team = team or Team(0, 1)
    generator = np.random.default_rng([config.seed, 1, team.rank])
    decayed = [p for p in network.parameters() if p.ndim >= 2]
    others = [p for p in network.parameters() if p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=True)
    length = len(batches) // team.size
    steps = config.epochs * length
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.learning_rate, total_steps=steps, pct_start=config.warm_up, cycle_momentum=False
    )
    started = time.monotonic()
    progress = tqdm(total=steps, desc="training", unit="step", mininterval=10.0, disable=not team.first)
    for epoch in range(config.epochs):
        sums: dict[str, float] = {}
        network.train()
        for batch in itertools.islice(batches.epoch(generator), length):
            parts = losses_of(network, batch, config)
            optimiser.zero_grad(set_to_none=True)
            torch.stack(list(parts.values())).sum().backward()
            team.average_gradients(network)
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
            schedule.step()
            limit_scales(network)
            for name, part in parts.items():
                sums[name] = sums.get(name, 0.0) + float(part.detach()) / length
            progress.update()
        if team.first:
            line: dict[str, float] = {"epoch": epoch + 1, "seconds": round(time.monotonic() - started, 1)}
            line |= {f"loss_{name}": round(value, 4) for name, value in sums.items()}
            line |= after_epoch(epoch + 1)
            with log.open("a" if epoch else "w", encoding="utf-8") as lines:
                lines.write(json.dumps(line) + "\n")
    progress.close()


def limit_scales(network: DemoNetwork) -> None:
    """No scale above 100, as in CLIP."""
    with torch.no_grad():
        for scale in (network.towers.logit_scale, network.code_scale, network.query_scales):
            scale.clamp_(0.0, _HIGHEST_SCALE)
