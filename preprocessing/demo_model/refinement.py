"""The heads once more, on frozen towers: with embeddings at hand, batches can be large and steps cost little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from clip_branches.encoding._text import text_embeddings
from preprocessing.demo_model.batches import to_input
from preprocessing.demo_model.config import TrainingConfig
from preprocessing.demo_model.data import SceneSet
from preprocessing.demo_model.facts import truth_of
from preprocessing.demo_model.network import DemoNetwork
from preprocessing.demo_model.objectives import code_losses
from preprocessing.demo_model.text import CompactTokenizer, padded
from preprocessing.demo_model.training import limit_scales

HEAD_TEXTS = 4  # captions and queries of each scene


@dataclass(frozen=True)
class EmbeddedScenes:
    """What frozen towers make of a scene set: unit rows, and which rows belong to which scene."""

    images: torch.Tensor  # [n, d]
    texts: torch.Tensor  # [distinct texts, d]
    captions: npt.NDArray[np.int64]  # (n, k): rows of ``texts``
    queries: npt.NDArray[np.int64]  # (n, k)


def embed_scenes(network: DemoNetwork, tokenizer: CompactTokenizer, scenes: SceneSet) -> EmbeddedScenes:
    """Run the towers over ``scenes`` once; the network is in evaluation mode afterwards."""
    network.eval()
    total = len(scenes)
    lists = [*scenes.captions, *scenes.queries]
    rows = {text: row for row, text in enumerate(dict.fromkeys(text for texts in lists for text in texts))}
    places = np.array([[rows[text] for text in texts] for texts in lists], dtype=np.int64)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        parts = np.array_split(scenes.pixels, max(1, total // 256))
        images = torch.cat([network.towers.visual(to_input(part)).float() for part in tqdm(parts, desc="images")])
    with torch.inference_mode():
        texts = _embed_texts(network, tokenizer, list(rows))
    return EmbeddedScenes(
        images=functional.normalize(images, dim=-1),
        texts=functional.normalize(texts, dim=-1),
        captions=places[:total],
        queries=places[total:],
    )


def refine_heads(network: DemoNetwork, scenes: SceneSet, embedded: EmbeddedScenes, config: TrainingConfig) -> None:
    """Train the heads of ``network`` on, in place, for ``config.head_steps`` steps; the towers stay as they are."""
    generator = np.random.default_rng([config.seed, 2])
    config = replace(
        config,
        code_query_contrast=config.head_query_contrast,
        likeness=config.head_likeness,
        hidden_code=config.head_hidden_code,
    )
    first = config.head_pairs_first * ((scenes.asked >= 0).sum(axis=2) >= 2)
    network.hidden_of_code.rescale(config.head_style_scale, config.head_hidden_scale)
    network.train()
    trained = [*network.heads.parameters(), *network.hidden_of_code.parameters()]
    trained += [network.code_scale, network.query_scales]
    optimiser = torch.optim.AdamW(
        trained, lr=config.head_learning_rate, weight_decay=config.head_weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.head_learning_rate, total_steps=config.head_steps, pct_start=0.1, cycle_momentum=False
    )
    for _ in tqdm(range(config.head_steps), desc="heads", mininterval=5.0):
        rows = _with_twins(generator.integers(0, len(scenes), size=config.head_batch // 2), scenes.twin)
        one = generator.integers(0, HEAD_TEXTS, size=len(rows))
        other = (generator.random((len(rows), HEAD_TEXTS)) + first[rows]).argmax(axis=1)
        said, asked = embedded.captions[rows, one], embedded.queries[rows, other]
        facts = scenes.facts.take(rows)
        parts = code_losses(
            network,
            _blurred(embedded.images[torch.from_numpy(rows)], config.head_noise, generator),
            embedded.texts[torch.from_numpy(said)].clone(),
            embedded.texts[torch.from_numpy(asked)].clone(),
            torch.from_numpy((said[:, None] == said[None, :]).astype(np.float32)),
            torch.from_numpy(truth_of(scenes.asked[rows, other], facts)),
            facts,
            config,
        )
        optimiser.zero_grad(set_to_none=True)
        torch.stack(list(parts.values())).sum().backward()
        nn.utils.clip_grad_norm_(trained, 5.0)
        optimiser.step()
        schedule.step()
        limit_scales(network)
    network.eval()


def _blurred(rows: torch.Tensor, noise: float, generator: np.random.Generator) -> torch.Tensor:
    """Unit ``rows`` moved by about ``noise``: the towers are surer of scenes they were trained on than of others."""
    steps = torch.from_numpy(generator.normal(0.0, noise / rows.shape[1] ** 0.5, rows.shape).astype(np.float32))
    return functional.normalize(rows + steps, dim=-1)


def _with_twins(rows: npt.NDArray[np.int64], twins: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """``rows`` and their twins; a scene without one brings its neighbour."""
    others = np.where(twins[rows] >= 0, twins[rows], (rows + 1) % len(twins))
    return np.unique(np.concatenate([rows, others]))


def _embed_texts(network: DemoNetwork, tokenizer: CompactTokenizer, texts: Sequence[str]) -> torch.Tensor:
    rows = tokenizer.rows(texts)
    # Texts of one length together: none is padded to the longest of all.
    order = sorted(range(len(rows)), key=lambda number: len(rows[number]))
    result = torch.empty(len(rows), network.towers.text_projection.shape[1])
    for start in tqdm(range(0, len(order), 1_024), desc="texts"):
        part = order[start : start + 1_024]
        result[part] = text_embeddings(network.towers, padded([rows[number] for number in part]))
    return result
