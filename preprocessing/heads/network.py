"""Two heads under training, and what they begin as."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import nn

from clip_branches.encoding import Head
from clip_branches.encoding.paired import fit_paired
from preprocessing.demo_model.network import ProjectionMLP
from preprocessing.heads.config import HeadConfig
from preprocessing.heads.pairs import Pairs


class HeadNetwork(nn.Module):
    """The image head, the text head and the factor of the logits."""

    def __init__(self, inputs: int, config: HeadConfig) -> None:
        super().__init__()
        self.image = ProjectionMLP(inputs, config.hidden, config.dimensions)
        self.text = ProjectionMLP(inputs, config.hidden, config.dimensions)
        self.log_scale = nn.Parameter(torch.tensor(float(np.log(config.scale))))
        self._linear = not config.hidden

    def export(self) -> Head:
        """The heads as they are now, their BatchNorms folded in."""
        kind: Literal["linear", "mlp"] = "linear" if self._linear else "mlp"
        return Head(kind, self.image.folded_layers(), self.text.folded_layers())


def begin(pairs: Pairs, config: HeadConfig) -> HeadNetwork:
    """A network for ``pairs``: linear heads start as their closed-form solution, others at random by the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = HeadNetwork(pairs.images.shape[1], config)
    if config.hidden or config.start == "random":
        return network
    head = closed_form(pairs, config)
    with torch.no_grad():
        sides: tuple[tuple[ProjectionMLP, Literal["image", "text"]], ...]
        sides = ((network.image, "image"), (network.text, "text"))
        for part, side in sides:
            (weight, bias), linear = head.layers(side)[0], part.last
            linear.weight.copy_(torch.from_numpy(weight))
            linear.bias.copy_(torch.from_numpy(bias))
    return network


def closed_form(pairs: Pairs, config: HeadConfig) -> Head:
    """The head that needs no training: by pairs, or the images' principal axes."""
    if config.start == "pca":
        return Head.fit_linear(pairs.images, pairs.texts, config.dimensions)
    return fit_paired(pairs.images, pairs.texts, config.dimensions, config.shrinkage)
