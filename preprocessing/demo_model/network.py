"""The networks that are trained: a small open_clip model, two projection heads, and classifiers to throw away."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from clip_branches.encoding import Head
from clip_branches.encoding._torchvision import ensure_torchvision
from preprocessing.demo_model.config import TrainingConfig
from preprocessing.scenes import COLORS, HIDDEN, KINDS, SETTINGS

Layer = tuple[np.ndarray[Any, np.dtype[np.float32]], np.ndarray[Any, np.dtype[np.float32]]]

# The classes of a cell: kinds (one more for cells where nothing stands), colours, and patterns of what stands there
CELL_CLASSES = (len(KINDS) + 1, len(COLORS), len(HIDDEN["pattern"]))


def build_towers(config: TrainingConfig, vocabulary: int) -> Any:
    """A fresh open_clip model of ``config`` whose token table has ``vocabulary`` rows only."""
    ensure_torchvision()
    from open_clip.model import CLIP

    settings = config.model_config()
    settings["text_cfg"]["vocab_size"] = vocabulary
    return CLIP(**settings).to(memory_format=torch.channels_last)


class ProjectionMLP(nn.Module):
    """Linear, BatchNorm, ReLU (each width of ``hidden``); Linear; unit length."""

    def __init__(self, inputs: int, hidden: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        sizes = (inputs, *hidden)
        blocks: list[nn.Module] = []
        for before, after in pairwise(sizes):
            blocks += [nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.ReLU()]
        self.layers = nn.Sequential(*blocks, nn.Linear(sizes[-1], outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.normalize(self.layers(x), dim=-1)

    @property
    def last(self) -> nn.Linear:
        """The layer that gives the vectors; of a linear head the only one."""
        layer = self.layers[-1]
        if not isinstance(layer, nn.Linear):
            raise TypeError(f"The last layer must be linear. Got {type(layer).__name__} instead.")
        return layer

    def folded_layers(self) -> list[Layer]:
        """(weight, bias) of each Linear with the BatchNorm behind it folded in, as :class:`Head` holds them."""
        folded: list[Layer] = []
        modules = list(self.layers)
        for number, module in enumerate(modules):
            if not isinstance(module, nn.Linear):
                continue
            weight = module.weight.detach().double()
            bias = (
                torch.zeros(len(weight), dtype=torch.float64) if module.bias is None else module.bias.detach().double()
            )
            norm = modules[number + 1] if number + 1 < len(modules) else None
            if isinstance(norm, nn.BatchNorm1d) and norm.running_mean is not None and norm.running_var is not None:
                gain = norm.weight.detach() / torch.sqrt(norm.running_var.double() + norm.eps)
                weight, bias = weight * gain[:, None], norm.bias.detach() - norm.running_mean.double() * gain
            folded.append((weight.float().numpy(), bias.float().numpy()))
        return folded


class Heads(nn.Module):
    """The image head and the text head, trained together."""

    def __init__(self, config: TrainingConfig) -> None:
        super().__init__()
        self.image = ProjectionMLP(config.embedding_dim, config.head_hidden, config.code_dim)
        self.text = ProjectionMLP(config.embedding_dim, config.head_hidden, config.code_dim)

    def export(self) -> Head:
        return Head("mlp", self.image.folded_layers(), self.text.folded_layers())


class CosineClassifier(nn.Module):
    """Class scores ``scale * cos(z, w)``: with the scale fixed, only a class given real room on the sphere is read."""

    def __init__(self, inputs: int, classes: int, scale: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, inputs) / inputs**0.5)
        self.bias = nn.Parameter(torch.zeros(classes))
        self.scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scale * x @ functional.normalize(self.weight, dim=-1).T + self.bias


class HiddenClassifiers(nn.ModuleList):
    """One cosine classifier for each hidden attribute, in the order of HIDDEN; the drawing style has its own scale."""

    def __init__(self, inputs: int, style_scale: float, hidden_scale: float) -> None:
        super().__init__(CosineClassifier(inputs, len(values), hidden_scale) for values in HIDDEN.values())
        self.rescale(style_scale, hidden_scale)

    def rescale(self, style_scale: float, hidden_scale: float) -> None:
        """From now on ask for room by these scales: the smaller, the more."""
        for name, classifier in zip(HIDDEN, self, strict=True):
            if not isinstance(classifier, CosineClassifier):
                raise TypeError(f"A classifier must be a CosineClassifier. Got {type(classifier).__name__} instead.")
            classifier.scale = style_scale if name == "style" else hidden_scale


class DemoNetwork(nn.Module):
    """Everything that is trained; the classifiers are thrown away afterwards."""

    def __init__(self, config: TrainingConfig, vocabulary: int) -> None:
        super().__init__()
        self.towers = build_towers(config, vocabulary)
        self.heads = Heads(config)
        self.code_scale = nn.Parameter(torch.tensor(float(np.log(1 / 0.07))))
        self.query_scales = nn.Parameter(torch.full((3,), float(np.log(1 / 0.07))))
        classes = [len(values) for values in HIDDEN.values()]
        self.hidden_of_code = HiddenClassifiers(config.code_dim, config.style_scale, config.hidden_scale)
        self.hidden_of_embedding = nn.ModuleList(nn.Linear(config.embedding_dim, count) for count in classes)
        self.objects_of_embedding = nn.Linear(config.embedding_dim, (len(KINDS) + 1) * (len(COLORS) + 1))
        self.objects_of_cells = nn.Conv2d(config.image_width * 16, sum(CELL_CLASSES), 1)
        self.scene_of_embedding = nn.ModuleList(
            nn.Linear(config.embedding_dim, len(names)) for names in (SETTINGS, KINDS, COLORS)
        )
