"""The image tower, ready for batches of prepared tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

if TYPE_CHECKING:
    import torch

    from clip_branches.encoding import Encoder


@dataclass(frozen=True)
class Towers:
    """A loaded encoder, used batch by batch; its preprocessing runs elsewhere, ahead of it."""

    encoder: Encoder

    @property
    def dimension(self) -> int:
        return self.encoder.embedding_dim

    @property
    def preprocess(self) -> Callable[[Image.Image], torch.Tensor]:
        return self.encoder.preprocess

    def embed(self, batch: Sequence[torch.Tensor]) -> npt.NDArray[np.float32]:
        """Unit vectors (n, d) float32 of n prepared images [3, height, width]."""
        import torch

        with torch.inference_mode():
            embeddings = self.encoder.model.encode_image(torch.stack(list(batch))).float()
            return np.asarray(torch.nn.functional.normalize(embeddings, dim=-1).numpy())


def load_towers(model: str, models_dir: Path, threads: int) -> Towers:
    """Load ``model``; torch is imported here, since most commands need none of it.

    Raises ConfigurationError for a model that does not exist, naming those that do.
    """
    from clip_branches.encoding import Encoder

    return Towers(Encoder.load(model, models_dir=models_dir, threads=threads))
