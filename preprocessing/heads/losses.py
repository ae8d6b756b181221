"""What the training of heads minimises, on unit rows."""

from __future__ import annotations

import torch
from torch.nn import functional

_BANDWIDTHS = (0.25, 0.5, 1.0, 2.0)


def contrastive(
    images: torch.Tensor, texts: torch.Tensor, scale: torch.Tensor, groups: torch.Tensor, distance: str
) -> torch.Tensor:
    """Symmetric cross-entropy over the rows of a batch (CLIP, Radford et al. 2021); image i belongs to text i.

    The logits are ``scale`` times the cosine, or minus the Euclidean distance (CLIP-Branches, SIGIR 2024). Rows of
    equal ``groups`` [n] have the same text: each is as right as the other, and the target is spread over them.
    """
    products = images @ texts.T
    logits = scale * (products if distance == "cosine" else -(2 - 2 * products).clamp(min=1e-12).sqrt())
    same = (groups[:, None] == groups[None, :]).to(logits.dtype)
    target = same / same.sum(dim=1, keepdim=True)
    return 0.5 * (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target))


def mmd(images: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
    """Squared maximum mean discrepancy of the two sides (Gretton et al. 2012), Gaussian kernels of several widths."""
    both = torch.cat([images, texts])
    squared = (2 - 2 * both @ both.T).clamp(min=0)
    kernel = torch.stack([torch.exp(-squared / (2 * width**2)) for width in _BANDWIDTHS]).mean(dim=0)
    count = len(images)
    within = kernel[:count, :count].mean() + kernel[count:, count:].mean()
    return within - 2 * kernel[:count, count:].mean()
