"""The Combiner network of CLIP4Cir (Baldrati et al., CVPR 2022 workshops): one vector from an image's and a text's."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import torch
from torch import nn

from clip_branches.composing._weights import fill, load_tensors, save_tensors
from clip_branches.errors import DamagedFile, InvalidInput

_FORMAT = "clip-branches-combiner"
_KEY = "Combiner"  # of the published checkpoints: {"epoch": n, "Combiner": state_dict}
PUBLISHED_SCALE = 100.0


class Combiner(nn.Module):
    """``unit(v + l * text + (1 - l) * image)``: v and the share l come out of both vectors, projected and joined.

    Parameters
    ----------
    width : length d of the backbone's vectors.
    projection : width of each side's projection; published is 4 d.
    hidden : width of the hidden layers; published is 8 d.
    dropout : share of units dropped while training; published is 0.5.
    raw : whether the vectors go in as the towers give them (as published) or at length 1.

    The names of the layers are those of the published checkpoints, so that their state fits.
    """

    def __init__(
        self,
        width: int,
        projection: int | None = None,
        hidden: int | None = None,
        *,
        dropout: float = 0.5,
        raw: bool = False,
    ) -> None:
        super().__init__()
        projection, hidden = projection or 4 * width, hidden or 8 * width
        if min(width, projection, hidden) < 1 or not 0.0 <= dropout < 1.0:
            raise InvalidInput(
                "A Combiner must have widths of at least 1 and a dropout in [0, 1). "
                f"Got {width}, {projection}, {hidden} and {dropout} instead."
            )
        self.width, self.projection, self.hidden, self.dropout, self.raw = width, projection, hidden, dropout, raw
        self.text_projection_layer = nn.Linear(width, projection)
        self.image_projection_layer = nn.Linear(width, projection)
        self.combiner_layer = nn.Linear(2 * projection, hidden)
        self.output_layer = nn.Linear(hidden, width)
        self.dynamic_scalar = nn.Sequential(
            nn.Linear(2 * projection, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, 1), nn.Sigmoid()
        )
        self._drop = nn.Dropout(dropout)

    def forward(self, images: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
        """Unit vectors [batch, d] of ``images`` and ``texts`` [batch, d]."""
        text = self._drop(torch.relu(self.text_projection_layer(texts)))
        image = self._drop(torch.relu(self.image_projection_layer(images)))
        both = torch.cat([text, image], dim=-1)  # [batch, 2 projection], the text first
        change = self.output_layer(self._drop(torch.relu(self.combiner_layer(both))))
        share = self.dynamic_scalar(both)
        return nn.functional.normalize(change + share * texts + (1 - share) * images, dim=-1)

    def save(self, path: Path) -> None:
        """Write the network to ``path``, safetensors in half precision, with its sizes."""
        sizes = {name: getattr(self, name) for name in ("width", "projection", "hidden", "dropout", "raw")}
        save_tensors(path, self.state_dict(), _FORMAT, sizes)

    def save_published(self, path: Path, epoch: int = 0) -> None:
        """Write the layout of the published checkpoints, ``{"epoch": n, "Combiner": state_dict}``."""
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"epoch": epoch, _KEY: self.state_dict()}, path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The network in ``path``: ours (safetensors), or a published checkpoint (.pt), whose sizes its layers tell.

        Raises DamagedFile, naming the file and every missing or surplus layer.
        """
        tensors, sizes = load_tensors(path, _FORMAT, _KEY)
        try:
            if sizes is None:
                projection, width = tensors["text_projection_layer.weight"].shape
                sizes = {
                    "width": width,
                    "projection": projection,
                    "hidden": len(tensors["combiner_layer.weight"]),
                    "raw": True,
                }
            network = cls(**sizes)
        except (KeyError, ValueError, TypeError) as error:
            raise DamagedFile(f"{path} must hold the layers of a Combiner. Got: {error!r}") from error
        fill(network, tensors, path)
        return network.eval()
