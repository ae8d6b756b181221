"""What the training of a retrieval-optimised CLIP minimises: additive angular margins, on classes and on captions.

ArcFace: Deng et al., CVPR 2019. The margin over several captions, and both together: MCIP, arXiv 2409.01936.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

# The derivative of the square root has no end at 0.
_SMALLEST = 1e-7


def with_margin(cosines: torch.Tensor, truth: torch.Tensor, margin: float) -> torch.Tensor:
    """``cosines`` [n, m] where ``truth`` [n, m] is 0, and cos(angle + ``margin``) where it is not.

    Where the angle and the margin together are over 180 degrees, cos would rise again: there the cosine less
    ``margin * sin(margin)`` goes on falling, as in the published code.
    """
    sines = (1.0 - cosines.square()).clamp(min=_SMALLEST).sqrt()
    shifted = cosines * math.cos(margin) - sines * math.sin(margin)
    bounded = torch.where(cosines > -math.cos(margin), shifted, cosines - margin * math.sin(margin))
    return torch.where(truth > 0, bounded, cosines)


def margin_loss(cosines: torch.Tensor, truth: torch.Tensor, scale: float, margin: float) -> torch.Tensor:
    """Cross-entropy of ``scale`` times the cosines [n, m] with the margin on what is true; a row without truth is out.

    The target of a row is spread evenly over what is true of it: the mean of -log p over its positives.
    """
    logits = scale * with_margin(cosines, truth, margin)
    counts = truth.sum(dim=1)
    some = counts > 0
    target = truth / counts.clamp(min=1.0)[:, None]
    losses = -(target * logits.log_softmax(dim=1)).sum(dim=1)
    return (losses * some).sum() / some.sum().clamp(min=1)


class ClassMargin(nn.Module):
    """ArcFace over classes: a proxy for each, Xavier-uniform at first, trained with the tower and then thrown away."""

    def __init__(self, classes: int, dimension: int, scale: float, margin: float) -> None:
        super().__init__()
        self.proxies = nn.Parameter(torch.empty(classes, dimension))
        nn.init.xavier_uniform_(self.proxies)
        self.scale, self.margin = scale, margin

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The loss of unit rows ``images`` [n, d] of the classes ``labels`` [n]."""
        cosines = images @ functional.normalize(self.proxies, dim=-1).T
        truth = functional.one_hot(labels, len(self.proxies)).to(cosines.dtype)
        return margin_loss(cosines, truth, self.scale, self.margin)


def caption_loss(
    images: torch.Tensor, captions: torch.Tensor, truth: torch.Tensor, scale: float, margin: float
) -> torch.Tensor:
    """The multi-caption margin loss of unit rows ``images`` [n, d] and the batch's different ``captions`` [m, d].

    ``truth`` [n, m] is 1 for an image's own captions. Each image is asked for each of its captions among all of
    the batch, with the margin on its own alone.
    """
    return margin_loss(images @ captions.T, truth, scale, margin)
