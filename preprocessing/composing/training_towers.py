"""CLIP4Cir's first stage: both towers fine-tuned so that the sum of an image's and a text's vector finds the target."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import cross_entropy, normalize

from clip_branches.composing.towers import target_pad
from clip_branches.encoding import Encoder
from clip_branches.errors import InvalidInput
from clip_branches.images import decode_image
from preprocessing.composing.config import TowersConfig
from preprocessing.composing.fitting import fit, held_out, step
from preprocessing.heads.checkpoint import Progress

Named = tuple[str, str, str]  # reference, caption, target
_KEY = "CLIP"  # of the published checkpoints: {"epoch": n, "CLIP": state_dict}
_FEWEST = 4
_NORMS = (torch.nn.modules.batchnorm._BatchNorm,)


def train_towers(
    triplets: Sequence[Named],
    files: dict[str, Path],
    encoder: Encoder,
    config: TowersConfig,
    work: Path,
    *,
    say: Callable[[str], object] = lambda _: None,
) -> Progress:
    """Fine-tune the towers of ``encoder`` in place on named ``triplets``, whose images are ``files``.

    A query is ``unit(image + text)`` of the towers' own vectors; the loss is one-directional cross-entropy of 100 times
    its products with the batch's targets. The state with the best in-batch recall on held-out triplets is left in
    place. Statistics of batch norms stay as they are. Raises InvalidInput for fewer than 4 triplets.
    """
    if len(triplets) < _FEWEST:
        raise InvalidInput(f"train-towers must have at least {_FEWEST} triplets. Got {len(triplets)}.")
    torch.manual_seed(config.seed)
    job = _Job(triplets, files, encoder, config)
    trained = _trained(encoder.model, config.towers)
    optimiser = torch.optim.AdamW(trained, lr=config.learning_rate, eps=1e-7, weight_decay=config.weight_decay)
    digest = hashlib.sha256(json.dumps([list(triplets), config.model_dump(exclude={"epochs", "patience"})]).encode())
    progress = fit(
        encoder.model,
        optimiser,
        epoch=lambda number: job.epoch(number, optimiser),
        score=job.score,
        epochs=config.epochs,
        patience=config.patience,
        identity=digest.hexdigest(),
        work=work,
        say=say,
    )
    return progress


def save_towers(encoder: Encoder, path: Path, epoch: int) -> None:
    """Write the published layout, ``{"epoch": n, "CLIP": state_dict}``, in half precision to ``path``."""
    state = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in
             encoder.model.state_dict().items()}  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"epoch": epoch, _KEY: state}, path)


def _trained(model: Any, towers: Literal["both", "image", "text"]) -> list[torch.nn.Parameter]:
    """The parameters that are trained; all others are held."""
    chosen = []
    for name, parameter in model.named_parameters():
        side = "image" if name.startswith("visual.") else "text"
        parameter.requires_grad_(towers in ("both", side) and name not in ("logit_scale", "logit_bias"))
        if parameter.requires_grad:
            chosen.append(parameter)
    return chosen


class _Job:
    """The triplets, their images opened as they are needed, and the loss over them."""

    def __init__(
        self, triplets: Sequence[Named], files: dict[str, Path], encoder: Encoder, config: TowersConfig
    ) -> None:
        self._triplets, self._files, self._encoder, self._config = list(triplets), files, encoder, config
        self._held, self._known = held_out(len(triplets), config.validation, config.seed)

    def epoch(self, number: int, optimiser: torch.optim.Optimizer) -> list[float]:
        for module in self._encoder.model.modules():
            if isinstance(module, _NORMS):
                module.eval()
        rows, losses = np.random.default_rng([self._config.seed, number]).permutation(self._known), []
        for start in range(0, len(rows), self._config.batch_size):
            part = rows[start : start + self._config.batch_size]
            if len(part) < 2:
                continue
            logits, own = self._logits(part)
            loss = cross_entropy(logits, own)
            losses.append(step(optimiser, loss))
        return losses

    def score(self) -> float:
        """Share of the held-out triplets whose target comes first in its batch."""
        with torch.inference_mode():
            size, right = self._config.batch_size, 0
            for start in range(0, len(self._held), size):
                logits, own = self._logits(self._held[start : start + size])
                right += int((logits.argmax(dim=1) == own).sum())
            return right / len(self._held)

    def _logits(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits [b, targets] and which target is each one's own: one image of several triplets is one candidate."""
        model = self._encoder.model
        references, captions, targets = zip(*(self._triplets[row] for row in rows), strict=True)
        different, own = np.unique(np.array(targets), return_inverse=True)
        names, place = np.unique(np.array([*references, *different]), return_inverse=True)
        images = model.encode_image(torch.stack([self._pixels(str(name)) for name in names])).float()[place]
        texts = model.encode_text(self._encoder.tokenizer(list(captions))).float()
        queries = normalize(images[: len(rows)] + texts, dim=-1)
        candidates = normalize(images[len(rows) :], dim=-1)
        return self._config.scale * queries @ candidates.T, torch.from_numpy(own)

    def _pixels(self, name: str) -> torch.Tensor:
        image: Image.Image = decode_image(self._files[name].read_bytes())
        pixels: torch.Tensor = self._encoder.preprocess(target_pad(image))
        return pixels
