"""What the training minimises, part by part."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from clip_branches.encoding._text import text_embeddings
from preprocessing.demo_model.batches import Batch
from preprocessing.demo_model.config import TrainingConfig
from preprocessing.demo_model.facts import SceneFacts
from preprocessing.demo_model.losses import contrast, koleo, likeness
from preprocessing.demo_model.network import CELL_CLASSES, DemoNetwork
from preprocessing.scenes import HIDDEN

_STYLE, _PATTERN = (list(HIDDEN).index(name) for name in ("style", "pattern"))


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
    facts = batch.facts
    hidden = torch.from_numpy(facts.hidden)
    scale, query_scale = network.towers.logit_scale.exp(), network.query_scales[0].exp()
    return {
        "caption": contrast(images, texts[:half], scale, batch.same),
        "query": contrast(images, texts[half:], query_scale, batch.truth),
        "hidden": config.hidden_embedding * _hidden_loss(network.hidden_of_embedding, images * 10.0, hidden),
        "visible": config.visible_embedding * _visible_loss(network, images * 10.0, facts),
        "cells": config.visible_cells * _cell_loss(here.float(), batch.cells, hidden[:, _PATTERN]),
        **code_losses(network, images, texts[:half], texts[half:], batch.same, batch.truth, facts, config),
    }


def code_losses(
    network: DemoNetwork,
    images: torch.Tensor,
    captions: torch.Tensor,
    queries: torch.Tensor,
    same: torch.Tensor,
    truth: torch.Tensor,
    facts: SceneFacts,
    config: TrainingConfig,
) -> dict[str, torch.Tensor]:
    """The weighted parts of the loss that concern the 32-d vectors, from unit embeddings [n, d] of the towers."""
    image_codes, caption_codes = network.heads.image(images), network.heads.text(torch.cat([captions, queries]))
    caption_codes, query_codes = caption_codes.split([len(captions), len(queries)])
    scale = network.code_scale.exp()
    _, query_scale, likeness_scale = network.query_scales.exp()
    kinds = torch.from_numpy(facts.kinds.astype(np.float32))
    shared = (kinds @ kinds.T > 0).float()
    hidden = torch.from_numpy(facts.hidden)
    return {
        "code_caption": config.code_contrast * contrast(image_codes, caption_codes, scale, same),
        "code_query": config.code_query_contrast * contrast(image_codes, query_codes, query_scale, truth),
        "likeness": config.likeness * likeness(image_codes, likeness_scale, shared),
        "koleo": config.koleo * 0.5 * (koleo(image_codes) + koleo(caption_codes)),
        "hidden_code": config.hidden_code * _hidden_loss(network.hidden_of_code, image_codes, hidden),
    }


def _image_features(tower: Any, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The image tower's embeddings [n, d] and, on the way, its third stage [n, channels, cells, cells]."""
    x = tower.layer3(tower.layer2(tower.layer1(tower.stem(pixels))))
    return tower.attnpool(tower.layer4(x)), x


def _cell_loss(scores: torch.Tensor, cells: torch.Tensor, patterns: torch.Tensor) -> torch.Tensor:
    """What stands in each cell: small objects are learnt in their place, before the whole picture is summed up.

    ``scores`` [n, classes, cells, cells], ``cells`` [n, cells, cells, 2], ``patterns`` [n]: one for all of a scene.
    """
    kinds, colors, coats = scores.permute(0, 2, 3, 1).split(CELL_CLASSES, dim=-1)
    taken = cells[..., 0] >= 0
    kind = functional.cross_entropy(kinds[taken], cells[..., 0][taken])
    color = functional.cross_entropy(colors[taken], cells[..., 1][taken])
    coat = functional.cross_entropy(coats[taken], patterns[:, None, None].expand(taken.shape)[taken])
    empty: torch.Tensor = -kinds[~taken].log_softmax(dim=-1)[:, -1].mean()
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
