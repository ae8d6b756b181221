"""The two jobs of this package: train the demo model, and measure a model."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clip_branches.encoding import Encoder
from clip_branches.encoding._files import write_json
from clip_branches.errors import ConfigurationError
from clip_branches.files import write_whole
from preprocessing.demo_model.batches import Batches
from preprocessing.demo_model.card import model_card
from preprocessing.demo_model.config import TrainingConfig
from preprocessing.demo_model.data import RENDERED_SIZE, SceneSet, scene_set
from preprocessing.demo_model.evaluation import measure, one_attribute_queries, two_attribute_queries
from preprocessing.demo_model.export import image_vectors, load_network, save_network, text_vectors, write_model
from preprocessing.demo_model.facts import collect_facts, phrase_book
from preprocessing.demo_model.network import DemoNetwork
from preprocessing.demo_model.refinement import HEAD_TEXTS, embed_scenes, refine_heads
from preprocessing.demo_model.team import Team, run_team
from preprocessing.demo_model.text import CompactTokenizer
from preprocessing.demo_model.training import train
from preprocessing.scenes import EVALUATION_SEEDS_START, TRAINING_SEEDS_START, caption, render, sample_scene

# Scenes that a run watches as it goes: behind those of the final evaluation, which must stay unseen.
_WATCHED = range(EVALUATION_SEEDS_START + 1_000_000, EVALUATION_SEEDS_START + 1_001_500)


def train_demo_model(
    config: TrainingConfig,
    output: Path,
    *,
    work: Path,
    workers: int = 2,
    evaluation_images: int = 2_000,
    heads_only: bool = False,
) -> dict[str, Any]:
    """Train the demo model and write its folder ``output``; the figures of its evaluation are returned.

    ``work`` keeps the drawn scenes and the network between runs; ``workers`` processes of one thread train together,
    and the result depends on their number. The folder is written after every epoch, so that a run that is stopped
    leaves the model of its last whole epoch. ``heads_only`` trains the heads on the towers that an earlier run left in
    ``work``: with the same config it ends where that run ended.
    """
    output.mkdir(parents=True, exist_ok=True)
    scenes = scene_set(_seeds(0, config.scenes), config.image_size, config.texts_per_scene, work)
    tokenizer = CompactTokenizer(_training_texts(scenes), config.context_length)
    kept = work / "network.safetensors"
    if not heads_only:
        watched = scene_set(_WATCHED, config.image_size, 1, work)
        run_team(partial(_train_member, config, output, scenes, watched, tokenizer, kept), workers)
    elif not kept.exists():
        raise ConfigurationError(
            f"Training the heads alone needs the network that a whole run leaves at {kept}. Got none there: "
            "train without --heads-only first."
        )
    torch.set_num_threads(workers)
    torch.manual_seed(config.seed)
    network = DemoNetwork(config, tokenizer.size)
    load_network(network, tokenizer, kept)
    # Scenes that the towers never saw: of those they were trained on, they are surer than of any other.
    unseen = scene_set(_seeds(config.scenes, config.head_scenes), config.image_size, HEAD_TEXTS, work)
    refine_heads(network, unseen, embed_scenes(network, tokenizer, unseen), config)
    write_model(network, tokenizer, config, image_vectors(network, unseen.pixels[:10_000]), output)
    return evaluate_demo_model(output, images=evaluation_images, threads=workers)


def _train_member(
    config: TrainingConfig,
    output: Path,
    scenes: SceneSet,
    watched: SceneSet,
    tokenizer: CompactTokenizer,
    kept: Path,
    team: Team,
) -> None:
    """One worker's part in the training of towers and heads together; the first one writes what came of it."""
    torch.manual_seed(config.seed)
    network = DemoNetwork(config, tokenizer.size)

    def after_epoch(epoch: int) -> dict[str, float]:
        vectors = image_vectors(network, watched.pixels)
        figures = measure(vectors, lambda texts: text_vectors(network, tokenizer, texts), watched.facts, thorough=False)
        write_model(network, tokenizer, config, image_vectors(network, scenes.pixels[:5_000]), output)
        save_network(network, tokenizer, kept)
        return {name: value for name, value in figures.items() if isinstance(value, float)}

    train(network, Batches(scenes, tokenizer, config), config, output / "training.jsonl", after_epoch, team)


def evaluate_demo_model(folder: Path, *, images: int = 2_000, threads: int = 2) -> dict[str, Any]:
    """Measure the model in ``folder`` on scenes never used in training; writes evaluation.json and README.md there.

    Image vectors are what the 8-bit codes stand for, text vectors are floats: as in a search.
    """
    encoder = Encoder.load(f"local-dir:{folder}", threads=threads)
    quantiser = encoder.quantiser
    if quantiser is None:
        raise ConfigurationError(f"The model in {folder} must have a quantiser.json to be measured on its codes.")
    scenes = [sample_scene(EVALUATION_SEEDS_START + number) for number in range(images)]
    vectors = encoder.encode_images([render(scene, RENDERED_SIZE) for scene in scenes])
    figures = measure(quantiser.decode(quantiser.encode(vectors)), encoder.encode_texts, collect_facts(scenes))
    # The captions too, whole: how often a scene's own caption finds it among the first ten.
    generator = np.random.default_rng(0)
    captions = encoder.encode_texts([caption(scene, generator) for scene in scenes])
    scores = captions @ quantiser.decode(quantiser.encode(vectors)).T
    own = scores[np.arange(images), np.arange(images)]
    figures["caption_recall_at_10"] = round(float(((scores > own[:, None]).sum(axis=1) < 10).mean()), 4)
    write_json(folder / "evaluation.json", figures)
    write_whole(folder / "README.md", model_card(folder, figures).encode())
    return figures


def _seeds(start: int, count: int) -> range:
    return range(TRAINING_SEEDS_START + start, TRAINING_SEEDS_START + start + count)


def _training_texts(scenes: SceneSet) -> list[str]:
    """Every text that the vocabulary must cover."""
    queries = [*one_attribute_queries().values(), *two_attribute_queries().values()]
    asked = [query.text for group in queries for query in group]
    said = [text for lists in (scenes.captions, scenes.queries) for texts in lists for text in texts]
    return said + asked + phrase_book()
