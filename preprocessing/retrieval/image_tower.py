"""MCIP and GPR-FT: the image tower learns classes and, with MCIP, captions of a text tower that stands still."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.functional import normalize

from preprocessing.retrieval.captions import CaptionSets
from preprocessing.retrieval.config import ImageConfig
from preprocessing.retrieval.loading import TrainingImages
from preprocessing.retrieval.loop import rate_at
from preprocessing.retrieval.losses import ClassMargin, caption_loss
from preprocessing.retrieval.testing import RetrievalTest
from preprocessing.towers import Towers


class ImageTower:
    """The image tower of ``towers`` and a proxy for each class, trained together (a Trainee).

    loss = (1 - share) * ArcFace of the class + share * multi-caption margin loss; without captions the class alone.
    """

    def __init__(
        self,
        towers: Towers,
        images: TrainingImages,
        labels: npt.NDArray[np.int64],
        captions: CaptionSets | None,
        test: RetrievalTest,
        config: ImageConfig,
    ) -> None:
        model: Any = towers.encoder.model
        self._towers, self._images, self._test, self._config = towers, images, test, config
        self._labels = torch.from_numpy(labels)
        self._captions = captions if config.caption_share else None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            classes = ClassMargin(int(labels.max()) + 1, towers.encoder.embedding_dim, config.scale, config.margin).to(
                towers.device
            )
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        model.visual.requires_grad_(True)
        self.network: nn.ModuleDict = nn.ModuleDict({"visual": model.visual, "classes": classes})
        self.optimiser = torch.optim.AdamW(
            [{"params": list(part.parameters())} for part in self.network.values()],
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
        )
        # A batch of one has nothing to be told from, and no deviation to be normalised by.
        size = min(config.batch_size, len(labels))
        self._bounds = [start for start in range(0, len(labels), size) if len(labels) - start > 1]
        self._size = size
        self.steps = len(self._bounds)

    def epoch(self, number: int, first: int) -> Iterator[tuple[int, dict[str, float]]]:
        """One pass over the images in an order of its own."""
        order = np.random.default_rng([self._config.seed, 0, number]).permutation(len(self._labels))
        parts = [order[start : start + self._size] for start in self._bounds[first:]]
        total = self._config.epochs * self.steps
        for step, (rows, pixels) in enumerate(self._images.batches(number, parts), start=number * self.steps + first):
            rate = rate_at(step, total, self._config.learning_rate, self._config.last_rate)
            for group, times in zip(self.optimiser.param_groups, (1.0, self._config.proxy_rate), strict=True):
                group["lr"] = rate * times
            yield len(rows), self._step(rows, pixels)

    def test(self) -> dict[str, float]:
        """See :class:`RetrievalTest`."""
        self.network.eval()
        return self._test.figures()

    def _step(self, rows: npt.NDArray[np.int64], pixels: list[torch.Tensor]) -> dict[str, float]:
        self.network.train()
        device, share = self._towers.device, self._config.caption_share
        inputs = self._towers.preparation.inputs(pixels, device)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=self._towers.dtype is torch.bfloat16):
            embeddings = self._towers.encoder.model.encode_image(inputs)
        vectors = normalize(embeddings.float(), dim=-1)
        parts = {"class_loss": self.network["classes"](vectors, self._labels[torch.from_numpy(rows)].to(device))}
        loss = parts["class_loss"]
        if self._captions is not None:
            found, truth = (torch.from_numpy(array).to(device) for array in self._captions.batch(rows))
            parts["caption_loss"] = caption_loss(vectors, found, truth, self._config.scale, self._config.margin)
            loss = (1 - share) * loss + share * parts["caption_loss"]
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        for part in self.network.values():
            nn.utils.clip_grad_norm_(part.parameters(), self._config.gradient_norm)
        self.optimiser.step()
        return {name: float(value.detach()) for name, value in parts.items()}
