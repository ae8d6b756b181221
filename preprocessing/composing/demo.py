"""The demo model's composing networks: triplets of generated scenes, both trainings, and how good they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from clip_branches.composing.lift import LIFT_FILE, Lift
from clip_branches.composing.methods import COMBINER_FILE, INVERSION_FILE
from clip_branches.encoding import Encoder
from preprocessing.composing.config import CombinerConfig, ToldConfig
from preprocessing.composing.likeness import Likeness
from preprocessing.composing.scene_groups import TRAINING_GROUPS_START, group_vectors
from preprocessing.composing.training_combiner import train_combiner
from preprocessing.composing.training_told import ToldGroups, train_told
from preprocessing.composing.triplets import Triplets
from preprocessing.composing.variations import GROUP_SIZE, group_of
from preprocessing.composing.words import described, difference

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
INVERSION = ToldConfig(hidden=512, dropout=0.1, epochs=24, patience=24)
TOLD_GROUPS = 1_500  # of the groups, told in words for the inversion
TUNING_GROUPS = 200
_DESCRIPTIONS = 8  # of each member


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
    """Train the inversion on words alone; of ``images`` only the mean and the covariance are taken."""
    # The first groups tune what is to be tuned: they are not told.
    told = told_groups(seeds[TUNING_GROUPS:][:TOLD_GROUPS], encoder)
    flat = images.reshape(-1, images.shape[-1])
    likeness = Likeness(told.described.reshape(-1, flat.shape[1]), flat)
    say(f"inversion: {len(told.words)} groups in words")
    lift = Lift.load(model / LIFT_FILE)
    inversion, _ = train_told(told, likeness, lift, encoder, INVERSION, work / "inversion", say=say)
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


def told_groups(seeds: range, encoder: Encoder) -> ToldGroups:
    """Every member of the groups described, in the same words where they are alike, and what is said between them."""
    generator = np.random.default_rng([seeds.start, 1])
    texts, words = [], []
    for seed in seeds:
        members = group_of(seed)
        texts += [described(one, np.random.default_rng([seed, k])) for one in members for k in range(_DESCRIPTIONS)]
        others = range(1, GROUP_SIZE)
        pairs = [*((0, one) for one in others), *((one, 0) for one in others)]
        words.append([difference(members[before], members[after], generator) for before, after in pairs])
    different, place = np.unique(texts, return_inverse=True)
    vectors = encoder.embed_texts(different.tolist())[place].reshape(len(seeds), GROUP_SIZE, _DESCRIPTIONS, -1)
    return ToldGroups(np.ascontiguousarray(vectors.mean(axis=2)), words)
