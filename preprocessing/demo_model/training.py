"""Training of the demo model: towers, heads and the classifiers that keep what captions leave out."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from clip_branches.encoding._text import text_embeddings
from preprocessing.demo_model.config import TrainingConfig
from preprocessing.demo_model.data import SceneSet
from preprocessing.demo_model.facts import SceneFacts, truth_of
from preprocessing.demo_model.losses import contrast, koleo, likeness
from preprocessing.demo_model.network import CosineClassifier, Heads, build_towers
from preprocessing.demo_model.team import Team
from preprocessing.demo_model.text import CompactTokenizer, disturbed, padded
from preprocessing.scenes import COLORS, HIDDEN, KINDS, SETTINGS

IMAGE_MEAN = (0.48145466, 0.4578275, 0.40821073)
IMAGE_STD = (0.26862954, 0.26130258, 0.27577711)
# Kinds (one more for cells where nothing stands), colours, and patterns of what stands there
_CELL_CLASSES = (len(KINDS) + 1, len(COLORS), len(HIDDEN["pattern"]))
_STYLE, _PATTERN = (list(HIDDEN).index(name) for name in ("style", "pattern"))
_HIGHEST_SCALE = float(np.log(100.0))


class DemoNetwork(nn.Module):
    """Everything that is trained; the classifiers are thrown away afterwards."""

    def __init__(self, config: TrainingConfig, vocabulary: int) -> None:
        super().__init__()
        self.towers = build_towers(config, vocabulary)
        self.heads = Heads(config)
        self.code_scale = nn.Parameter(torch.tensor(float(np.log(1 / 0.07))))
        self.query_scales = nn.Parameter(torch.full((3,), float(np.log(1 / 0.07))))
        classes = [len(values) for values in HIDDEN.values()]
        self.hidden_of_code = nn.ModuleList(
            CosineClassifier(
                config.code_dim, len(values), config.style_scale if name == "style" else config.hidden_scale
            )
            for name, values in HIDDEN.items()
        )
        self.hidden_of_embedding = nn.ModuleList(nn.Linear(config.embedding_dim, count) for count in classes)
        self.objects_of_embedding = nn.Linear(config.embedding_dim, (len(KINDS) + 1) * (len(COLORS) + 1))
        self.objects_of_cells = nn.Conv2d(config.image_width * 16, sum(_CELL_CLASSES), 1)
        self.scene_of_embedding = nn.ModuleList(
            nn.Linear(config.embedding_dim, len(names)) for names in (SETTINGS, KINDS, COLORS)
        )


@dataclass(frozen=True)
class Batch:
    pixels: torch.Tensor  # [n, 3, size, size], normalised
    captions: torch.Tensor  # [n, length]: a caption's tokens for each image
    queries: torch.Tensor  # [n, length]: a query's tokens for each image
    truth: torch.Tensor  # [n, n] float: query j is true of image i
    same: torch.Tensor  # [n, n] float: caption j is that of image i, word for word
    facts: SceneFacts
    cells: torch.Tensor  # [n, cells, cells, 2] int64: kind and colour in each cell, -1 where there is none


class Batches:
    """Batches of a scene set: a scene and its twin stand in the same one, and only their colours tell them apart."""

    def __init__(self, scenes: SceneSet, tokenizer: CompactTokenizer, config: TrainingConfig) -> None:
        self.scenes, self.config = scenes, config
        self._captions = [tokenizer.rows(texts) for texts in scenes.captions]
        self._queries = [tokenizer.rows(texts) for texts in scenes.queries]
        first = np.flatnonzero((scenes.twin < 0) | (scenes.twin > np.arange(len(scenes))))
        self._groups = [(int(row),) if scenes.twin[row] < 0 else (int(row), int(scenes.twin[row])) for row in first]

    def __len__(self) -> int:
        """Batches of one pass over the scenes."""
        return len(self.scenes) // self.config.batch

    def epoch(self, generator: np.random.Generator) -> Iterator[Batch]:
        order = generator.permutation(len(self._groups))
        rows = np.array([row for group in order for row in self._groups[group]], dtype=np.int64)
        for number in range(len(self)):
            yield self._batch(rows[number * self.config.batch : (number + 1) * self.config.batch], generator)

    def _batch(self, rows: npt.NDArray[np.int64], generator: np.random.Generator) -> Batch:
        facts = self.scenes.facts.take(rows)
        which = generator.integers(0, self.config.texts_per_scene, size=(2, len(rows)))
        captions = [self._captions[row][pick] for row, pick in zip(rows, which[0], strict=True)]
        queries = [self._queries[row][pick] for row, pick in zip(rows, which[1], strict=True)]
        said = {tuple(caption): number for number, caption in enumerate(captions)}
        which_said = np.array([said[tuple(caption)] for caption in captions])
        return Batch(
            pixels=to_input(_shifted(self.scenes.pixels[rows], generator)),
            captions=self._padded(captions, generator),
            queries=self._padded(queries, generator),
            truth=torch.from_numpy(truth_of(self.scenes.asked[rows, which[1]], facts)),
            same=torch.from_numpy((which_said[:, None] == which_said[None, :]).astype(np.float32)),
            facts=facts,
            cells=torch.from_numpy(self.scenes.cells[rows].astype(np.int64)),
        )

    def _padded(self, rows: list[list[int]], generator: np.random.Generator) -> torch.Tensor:
        noisy = generator.random(len(rows)) < self.config.unknown_words
        length = self.config.context_length
        return padded([disturbed(r, length, generator) if noise else r for r, noise in zip(rows, noisy, strict=True)])


def to_input(pixels: npt.NDArray[np.uint8]) -> torch.Tensor:
    """The towers' input [n, 3, size, size] of pixels (n, size, size, 3), as the model's own preprocessing makes it."""
    images = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float().div_(255.0)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGE_MEAN, IMAGE_STD))
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


def _shifted(pixels: npt.NDArray[np.uint8], generator: np.random.Generator, most: int = 2) -> npt.NDArray[np.uint8]:
    """Each image moved by up to ``most`` pixels, its edge repeated."""
    size = pixels.shape[1]
    result = np.empty_like(pixels)
    wide = np.pad(pixels, ((0, 0), (most, most), (most, most), (0, 0)), mode="edge")
    for number, (down, right) in enumerate(generator.integers(0, 2 * most + 1, size=(len(pixels), 2))):
        result[number] = wide[number, down : down + size, right : right + size]
    return result


def losses_of(network: DemoNetwork, batch: Batch, config: TrainingConfig) -> dict[str, torch.Tensor]:
    """The weighted parts of the loss of ``batch``; their sum is what is minimised."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        images, local = _image_features(network.towers.visual, batch.pixels)
        here = network.objects_of_cells(local)
    # The text tower is too narrow to gain from half precision.
    texts = torch.cat([text_embeddings(network.towers, batch.captions), text_embeddings(network.towers, batch.queries)])
    images = functional.normalize(images.float(), dim=-1)
    texts = functional.normalize(texts, dim=-1)
    half = len(images)
    image_codes, text_codes = network.heads.image(images), network.heads.text(texts)
    scale = network.towers.logit_scale.exp()
    code_scale = network.code_scale.exp()
    query_scale, query_code_scale, likeness_scale = network.query_scales.exp()
    facts = batch.facts
    hidden = torch.from_numpy(facts.hidden)
    kinds = facts.kinds.astype(np.float32)
    shared = (kinds @ kinds.T > 0).astype(np.float32)
    parts = {
        "caption": contrast(images, texts[:half], scale, batch.same),
        "query": contrast(images, texts[half:], query_scale, batch.truth),
        "code_caption": config.code_contrast * contrast(image_codes, text_codes[:half], code_scale, batch.same),
        "code_query": config.code_contrast * contrast(image_codes, text_codes[half:], query_code_scale, batch.truth),
        "likeness": config.likeness * likeness(image_codes, likeness_scale, torch.from_numpy(shared)),
        "koleo": config.koleo * 0.5 * (koleo(image_codes) + koleo(text_codes[:half])),
        "hidden_code": config.hidden_code * _hidden_loss(network.hidden_of_code, image_codes, hidden),
        "hidden": config.hidden_embedding * _hidden_loss(network.hidden_of_embedding, images * 10.0, hidden),
    }
    parts["visible"] = config.visible_embedding * _visible_loss(network, images * 10.0, facts)
    parts["cells"] = config.visible_cells * _cell_loss(here.float(), batch.cells, hidden[:, _PATTERN])
    return parts


def _image_features(tower: Any, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The image tower's embeddings [n, d] and, on the way, its third stage [n, channels, cells, cells]."""
    x = tower.layer3(tower.layer2(tower.layer1(tower.stem(pixels))))
    return tower.attnpool(tower.layer4(x)), x


def _cell_loss(scores: torch.Tensor, cells: torch.Tensor, patterns: torch.Tensor) -> torch.Tensor:
    """What stands in each cell: small objects are learnt in their place, before the whole picture is summed up.

    ``scores`` [n, classes, cells, cells], ``cells`` [n, cells, cells, 2], ``patterns`` [n]: one for all of a scene.
    """
    kinds, colors, coats = scores.permute(0, 2, 3, 1).split(_CELL_CLASSES, dim=-1)
    taken = cells[..., 0] >= 0
    kind = functional.cross_entropy(kinds[taken], cells[..., 0][taken])
    color = functional.cross_entropy(colors[taken], cells[..., 1][taken])
    coat = functional.cross_entropy(coats[taken], patterns[:, None, None].expand(taken.shape)[taken])
    empty = -kinds[~taken].log_softmax(dim=-1)[:, -1].mean()
    return kind + 0.5 * color + 0.5 * coat + 0.3 * empty


def _visible_loss(network: DemoNetwork, rows: torch.Tensor, facts: SceneFacts) -> torch.Tensor:
    """What is in the picture, read off the embedding: it teaches the image tower far faster than captions alone.

    Every kind, every colour and every pair of them, there or not; the setting, and the first object's kind and colour.
    """
    objects = facts.objects_with_any().reshape(len(facts), -1)
    shown = functional.binary_cross_entropy_with_logits(
        network.objects_of_embedding(rows), torch.from_numpy(objects.astype(np.float32)), reduction="sum"
    )
    named = (facts.setting, facts.main_kind, facts.main_color)
    losses = [
        functional.cross_entropy(model(rows), torch.from_numpy(truth))
        for model, truth in zip(network.scene_of_embedding, named, strict=True)
    ]
    return 0.2 * shown / len(facts) + 0.5 * torch.stack(losses).sum()


def _hidden_loss(classifiers: nn.ModuleList, rows: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    losses = [functional.cross_entropy(model(rows), truth[:, place]) for place, model in enumerate(classifiers)]
    # Style counts as much as all others together.
    return losses.pop(_STYLE) + torch.stack(losses).mean()


def train(
    network: DemoNetwork,
    batches: Batches,
    config: TrainingConfig,
    log: Path,
    after_epoch: Callable[[int], dict[str, float]],
    team: Team | None = None,
) -> None:
    """Train ``network`` in place; one JSON line an epoch goes to ``log``, with what ``after_epoch`` measured.

    In a ``team`` every worker trains on batches of its own and takes the step of their mean gradient; the first one
    keeps the log.
    """
    team = team or Team(0, 1)
    generator = np.random.default_rng([config.seed, 1, team.rank])
    decayed = [p for p in network.parameters() if p.ndim >= 2]
    others = [p for p in network.parameters() if p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=True)
    length = len(batches) // team.size
    steps = config.epochs * length
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.learning_rate, total_steps=steps, pct_start=config.warm_up, cycle_momentum=False
    )
    started = time.monotonic()
    progress = tqdm(total=steps, desc="training", unit="step", mininterval=10.0, disable=not team.first)
    for epoch in range(config.epochs):
        sums: dict[str, float] = {}
        network.train()
        for batch in itertools.islice(batches.epoch(generator), length):
            parts = losses_of(network, batch, config)
            optimiser.zero_grad(set_to_none=True)
            torch.stack(list(parts.values())).sum().backward()
            team.average_gradients(network)
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
            schedule.step()
            _limit_scales(network)
            for name, part in parts.items():
                sums[name] = sums.get(name, 0.0) + float(part.detach()) / length
            progress.update()
        if team.first:
            line: dict[str, float] = {"epoch": epoch + 1, "seconds": round(time.monotonic() - started, 1)}
            line |= {f"loss_{name}": round(value, 4) for name, value in sums.items()}
            line |= after_epoch(epoch + 1)
            with log.open("a" if epoch else "w", encoding="utf-8") as lines:
                lines.write(json.dumps(line) + "\n")
    progress.close()


def _limit_scales(network: DemoNetwork) -> None:
    """No scale above 100, as in CLIP."""
    with torch.no_grad():
        for scale in (network.towers.logit_scale, network.code_scale, network.query_scales):
            scale.clamp_(0.0, _HIGHEST_SCALE)
