"""Re-A: the text tower learns to meet images again that stand still, by InfoNCE on their cached vectors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.functional import normalize

from clip_branches.encoding._text import text_embeddings
from preprocessing.demo_model.losses import contrast
from preprocessing.retrieval.captions import CaptionSets
from preprocessing.retrieval.config import TextConfig
from preprocessing.retrieval.loop import rate_at
from preprocessing.retrieval.testing import RetrievalTest
from preprocessing.towers import Towers

_HIGHEST_SCALE = math.log(100.0)


class TextTower:
    """The text tower of ``towers``, trained against ``images`` (n, d), unit rows (a Trainee).

    An image meets one of its captions at a time, by chance. A caption that several images of a batch have is right for
    each of them.
    """

    def __init__(
        self,
        towers: Towers,
        images: npt.NDArray[np.float32],
        captions: CaptionSets,
        test: RetrievalTest,
        config: TextConfig,
    ) -> None:
        model: Any = towers.encoder.model
        self._towers, self._captions, self._test, self._config = towers, captions, test, config
        self._images = torch.from_numpy(images)
        self._rows = np.array([row for row, own in enumerate(captions.of_image) if len(own)], dtype=np.int64)
        self._tokens = towers.encoder.tokenizer(captions.texts)
        model.requires_grad_(True)
        model.lock_text_tower(config.unlocked_layers, True)
        model.visual.requires_grad_(False)
        self.network = nn.ModuleDict({"model": _WithoutImages(model)})
        trained = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        # As open_clip trains: no decay of what is a vector or a number.
        groups = [
            {"params": [one for one in trained if one.ndim >= 2], "weight_decay": config.weight_decay},
            {"params": [one for one in trained if one.ndim < 2], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), eps=1e-6)
        self._size = min(config.batch_size, len(self._rows))
        self._bounds = [start for start in range(0, len(self._rows), self._size) if len(self._rows) - start > 1]
        self.steps = len(self._bounds)

    def epoch(self, number: int, first: int) -> Iterator[tuple[int, dict[str, float]]]:
        """One pass over the images in an order of its own."""
        order = np.random.default_rng([self._config.seed, 0, number]).permutation(self._rows)
        total = self._config.epochs * self.steps
        for step, start in enumerate(self._bounds[first:], start=number * self.steps + first):
            for group in self.optimiser.param_groups:
                group["lr"] = rate_at(step, total, self._config.learning_rate, self._config.last_rate)
            rows = order[start : start + self._size]
            yield len(rows), self._step(rows, np.random.default_rng([self._config.seed, 1, step]))

    def test(self) -> dict[str, float]:
        """See :class:`RetrievalTest`."""
        self.network.eval()
        return self._test.figures()

    def _step(self, rows: npt.NDArray[np.int64], generator: np.random.Generator) -> dict[str, float]:
        self.network.train()
        model, device = self._towers.encoder.model, self._towers.device
        own = [self._captions.of_image[row] for row in rows.tolist()]
        said = np.array([one[int(generator.integers(len(one)))] for one in own])
        used, place = np.unique(said, return_inverse=True)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=self._towers.dtype is torch.bfloat16):
            texts = text_embeddings(model, self._tokens[torch.from_numpy(used)].to(device))
        texts = normalize(texts.float(), dim=-1)[torch.from_numpy(place).to(device)]
        same = torch.from_numpy((place[:, None] == place[None, :]).astype(np.float32)).to(device)
        loss: Any = contrast(self._images[torch.from_numpy(rows)].to(device), texts, model.logit_scale.exp(), same)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self._config.gradient_norm)
        self.optimiser.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0.0, _HIGHEST_SCALE)
        return {"loss": float(loss.detach())}


class _WithoutImages(nn.Module):
    """All of an open_clip model but its image tower: its parts and its own parameters, under their names."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        for name, part in model.named_children():
            if name != "visual":
                self.add_module(name, part)
        for name, parameter in model.named_parameters(recurse=False):
            self.register_parameter(name, parameter)
