"""The losses of the demo model, on unit rows."""

from __future__ import annotations

import torch


def contrast(images: torch.Tensor, texts: torch.Tensor, scale: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Symmetric contrastive loss (CLIP, Radford et al. 2021) where a text may be true of several images.

    ``images`` [n, d] and ``texts`` [m, d] are unit rows; ``truth`` [n, m] is 1 where the text is true of the image.
    The target of a row is spread evenly over what is true, as in supervised contrastive learning (Khosla et al.
    2020): a short text is true of a tenth of a batch, and calling those images wrong would teach the wrong thing.
    """
    logits = scale * images @ texts.T
    return 0.5 * (_spread_cross_entropy(logits, truth) + _spread_cross_entropy(logits.T, truth.T))


def likeness(images: torch.Tensor, scale: torch.Tensor, related: torch.Tensor) -> torch.Tensor:
    """Supervised contrast among images (Khosla et al. 2020): ``images`` [n, d], ``related`` [n, n] float, symmetric.

    Images that are related come to lie nearer than those that are not; an image is no pair with itself.
    """
    itself = torch.eye(len(images), dtype=torch.bool)
    logits = (scale * images @ images.T).masked_fill(itself, -1e4)
    return _spread_cross_entropy(logits, related.masked_fill(itself, 0.0))


def _spread_cross_entropy(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    share = truth / truth.sum(dim=1, keepdim=True).clamp(min=1.0)
    some = (truth.sum(dim=1) > 0).float()
    losses = -(share * logits.log_softmax(dim=1)).sum(dim=1)
    return (losses * some).sum() / some.sum().clamp(min=1.0)


def koleo(rows: torch.Tensor) -> torch.Tensor:
    """KoLeo (Sablayrolles et al. 2019): -mean_i log(||z_i - z_nn(i)|| + 1e-8), nn the other row of largest product.

    It spreads the rows over the sphere, so that few codes are shared. Rows that coincide (the same caption twice)
    are left out: nothing can push them apart.
    """
    with torch.no_grad():
        products = rows @ rows.T
        products.fill_diagonal_(-2.0)
        nearest = products.argmax(dim=1)
    squared = (rows - rows[nearest]).square().sum(dim=1)
    distances = squared[squared > 1e-8].sqrt()
    return -torch.log(distances + 1e-8).mean() if len(distances) else rows.sum() * 0.0
