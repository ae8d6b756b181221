"""Processes that train one network together.

Two processes of one thread beat one process of two threads on a busy machine: threads wait for one another inside
every operation, processes once a step.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import distributed, nn
from torch.multiprocessing.spawn import start_processes


@dataclass(frozen=True)
class Team:
    """This process's place among ``size`` workers; the first one speaks for all."""

    rank: int
    size: int

    @property
    def first(self) -> bool:
        return self.rank == 0

    def average_gradients(self, network: nn.Module) -> None:
        """Replace every gradient by its mean over the workers: one message a step."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
        message = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(message)
        message /= self.size
        for gradient, part in zip(gradients, message.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))


def run_team(work: Callable[[Team], None], size: int) -> None:
    """Run ``work`` in ``size`` processes that start as copies of this one, each with one thread of torch.

    They are forked so that the scenes are in memory once; torch must not have computed anything before.
    """
    with tempfile.TemporaryDirectory() as folder:
        start_processes(_member, (work, size, Path(folder) / "meeting"), size, start_method="fork")


def _member(rank: int, work: Callable[[Team], None], size: int, meeting: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=size)
    try:
        work(Team(rank, size))
        distributed.barrier()
    finally:
        distributed.destroy_process_group()
