"""The demo model's composing networks: triplets of generated scenes, both trainings, and how good they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from clip_branches.composing.lift import LIFT_FILE, Lift
from clip_branches.composing.methods import COMBINER_FILE, INVERSION_FILE
from clip_branches.encoding import Encoder
from preprocessing.composing.config import CombinerConfig, InversionConfig
from preprocessing.composing.scene_groups import TRAINING_GROUPS_START, group_vectors
from preprocessing.composing.training_combiner import train_combiner
from preprocessing.composing.training_inversion import Told, train_inversion
from preprocessing.composing.triplets import Triplets
from preprocessing.composing.variations import GROUP_SIZE, group_of
from preprocessing.composing.words import difference
from preprocessing.scenes import caption

Array = npt.NDArray[np.float32]

COMBINER = CombinerConfig(
    projection=256,
    hidden=512,
    dropout=0.1,
    learning_rate=1e-3,
    batch_size=512,
    epochs=24,
    patience=8,
    code_share=0.7,
    lifted=0.6,
)
INVERSION = InversionConfig(
    hidden=512, dropout=0.1, learning_rate=1e-3, epochs=10, noise=0.9, batch_size=256, template="$ , {}"
)


def train_for_demo(
    model: Path, work: Path, *, groups: int = 3_500, workers: int = 2, say: Callable[[str], object] = lambda _: None
) -> None:
    """Train both networks and the lift, and write them into the folder ``model``; ``work`` keeps what goes on."""
    encoder = Encoder.load(f"local-dir:{model}", threads=1)
    seeds = range(TRAINING_GROUPS_START, TRAINING_GROUPS_START + groups)
    images = group_vectors(seeds, model, work, workers)
    train_demo_combiner(encoder, images, seeds, model, work, say)
    train_demo_inversion(encoder, images, seeds, model, work, say)


def train_demo_combiner(
    encoder: Encoder, images: Array, seeds: range, model: Path, work: Path, say: Callable[[str], object]
) -> None:
    """Fit the lift and train the Combiner on ``images`` (groups, 6, d) of the groups of ``seeds``."""
    flat = np.ascontiguousarray(images.reshape(-1, images.shape[-1]))
    codes = stored(encoder, flat)
    lift = Lift.fit(codes, flat)
    lift.save(model / LIFT_FILE)
    triplets = scene_triplets(seeds, encoder, flat, lift(codes))
    say(f"combiner: {len(triplets)} triplets of {len(seeds)} groups")
    combiner, _ = train_combiner(triplets, COMBINER, work / "combiner", head=encoder.head, say=say)
    combiner.save(model / COMBINER_FILE)


def train_demo_inversion(
    encoder: Encoder, images: Array, seeds: range, model: Path, work: Path, say: Callable[[str], object]
) -> None:
    """Train the inversion on captions alone; of ``images`` only the mean is taken, to bridge the modalities."""
    captions, told = scene_texts(seeds[: len(seeds) // 3])
    gap = encoder.embed_texts(captions).mean(axis=0) - images.reshape(-1, images.shape[-1]).mean(axis=0)
    say(f"inversion: {len(captions)} captions, {len(told)} told changes")
    inversion, _ = train_inversion(captions, encoder, INVERSION, work / "inversion", told=told, gap=gap, say=say)
    inversion.save(model / INVERSION_FILE)


def stored(encoder: Encoder, images: Array) -> Array:
    """The vectors (n, 32) that the stored codes of unit image vectors (n, d) stand for."""
    if encoder.quantiser is None:
        return encoder.project_images(images)
    return encoder.quantiser.decode(encoder.quantiser.encode(encoder.project_images(images)))


def scene_triplets(seeds: range, encoder: Encoder, images: Array, lifted: Array) -> Triplets:
    """From the first member of each group to the others, and back."""
    generator = np.random.default_rng(seeds.start)
    said, rows = [], []
    for number, seed in enumerate(seeds):
        members = group_of(seed)
        others = range(1, GROUP_SIZE)
        for before, after in [*((0, one) for one in others), *((one, 0) for one in others)]:
            words = difference(members[before], members[after], generator)
            if words:
                said.append(words)
                rows.append((number * GROUP_SIZE + before, number * GROUP_SIZE + after, number))
    references, targets, groups = np.array(rows, dtype=np.int64).T
    different, place = np.unique(said, return_inverse=True)
    texts = encoder.embed_texts(different.tolist())[place]
    return Triplets(images, texts, references, targets, groups, lifted)


def scene_texts(seeds: range) -> tuple[list[str], list[Told]]:
    """Captions of the groups' members, and the changes between them with a caption before and after."""
    generator = np.random.default_rng([seeds.start, 1])
    captions, told = [], []
    for seed in seeds:
        members = group_of(seed)
        texts = [caption(member, generator) for member in members]
        captions += texts
        for after in range(1, GROUP_SIZE):
            words = difference(members[0], members[after], generator)
            told.append(Told(texts[0], words, texts[after]))
    return captions, told
