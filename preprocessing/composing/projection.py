"""The image head inside a loss: what it makes of vectors, with gradients."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import normalize

from clip_branches.encoding import Head

Layers = list[tuple[torch.Tensor, torch.Tensor]]


def image_layers(head: Head | None) -> Layers:
    """Weights (out, in) and biases (out,) of the head's image side; none without a head."""
    layers = [] if head is None else head.layers("image")
    return [(torch.from_numpy(np.array(weight)), torch.from_numpy(np.array(bias))) for weight, bias in layers]


def projected(layers: Layers, vectors: torch.Tensor) -> torch.Tensor:
    """Unit vectors that ``layers`` make of unit ``vectors`` [n, d]: ReLU between the layers, none after the last."""
    for number, (weight, bias) in enumerate(layers):
        vectors = vectors @ weight.T + bias
        vectors = torch.relu(vectors) if number + 1 < len(layers) else vectors
    return normalize(vectors, dim=-1)
