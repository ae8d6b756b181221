"""Losses, captions, variations and the loop of the training for retrieval, each against what it is by definition."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from clip_branches.composing.sums import unit
from clip_branches.errors import ClipBranchesError, ConfigurationError
from preprocessing.evaluating.labelled import Labelled
from preprocessing.retrieval.captions import caption_sets, pseudo_captions, read_caption_list
from preprocessing.retrieval.config import ImageConfig, TextConfig
from preprocessing.retrieval.demo import _TEST, _TRAINING, _chosen, class_of
from preprocessing.retrieval.loading import varied
from preprocessing.retrieval.loop import rate_at, run_training
from preprocessing.retrieval.losses import ClassMargin, caption_loss, with_margin
from preprocessing.retrieval.run import split_classes
from preprocessing.scenes import COLORS, EVALUATION_SEEDS_START, KINDS, TRAINING_SEEDS_START, sample_scene


def slow_loss(images: np.ndarray, captions: np.ndarray, truth: np.ndarray, scale: float, margin: float) -> float:
    """One image, one caption after the other."""
    losses = []
    for image, right in zip(images, truth, strict=True):
        logits = []
        for caption, own in zip(captions, right, strict=True):
            cosine = max(-1.0, min(1.0, float(image @ caption)))
            if own:
                angle = math.acos(cosine)
                cosine = math.cos(angle + margin) if angle + margin < math.pi else cosine - margin * math.sin(margin)
            logits.append(scale * cosine)
        total = math.log(sum(math.exp(one) for one in logits))
        if right.any():
            losses.append(-sum(logits[at] - total for at in np.flatnonzero(right)) / right.sum())
    return sum(losses) / len(losses)


def rows(count: int, seed: int) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(count, 8)))


def test_the_loss_of_captions_is_that_of_a_slow_twin() -> None:
    images, captions = rows(6, 0), rows(10, 1)
    truth = (np.random.default_rng(2).random((6, 10)) < 0.3).astype(np.float32)
    truth[0], truth[1] = 0.0, np.eye(10)[3]  # an image without any caption is left out
    captions[3] = -images[1]  # and an angle of 180 degrees has no room for a margin
    found = caption_loss(*map(torch.from_numpy, (images, captions, truth)), 30.0, 0.1)
    assert float(found) == pytest.approx(slow_loss(images, captions, truth, 30.0, 0.1), rel=1e-3)


def test_the_loss_of_classes_is_that_of_a_slow_twin_and_has_a_gradient_everywhere() -> None:
    images, labels = rows(5, 0), torch.tensor([0, 2, 1, 1, 0])
    classes = ClassMargin(3, 8, 30.0, 0.1)
    proxies = torch.nn.functional.normalize(classes.proxies, dim=-1).detach().numpy()
    images[0] = proxies[0]  # an angle of 0, where the sine has no derivative
    given = torch.from_numpy(images).requires_grad_()
    loss = classes(given, labels)
    assert loss.item() == pytest.approx(slow_loss(images, proxies, np.eye(3)[labels.numpy()], 30.0, 0.1), rel=1e-3)
    loss.backward()
    assert given.grad is not None
    assert torch.isfinite(given.grad).all()
    assert classes.proxies.grad is not None


def test_the_margin_is_on_what_is_true_alone() -> None:
    cosines = torch.tensor([[0.5, 0.5]])
    shifted = with_margin(cosines, torch.tensor([[1.0, 0.0]]), 0.1)
    assert shifted.tolist()[0] == pytest.approx([math.cos(math.acos(0.5) + 0.1), 0.5], abs=1e-6)


def test_published_recipes_are_the_defaults() -> None:
    images, texts = ImageConfig(), TextConfig()
    assert (images.learning_rate, images.learning_rate * images.last_rate) == (1e-6, pytest.approx(1e-7))
    assert (images.batch_size, images.epochs, images.weight_decay) == (128, 3, 0.01)
    assert (images.scale, images.margin, images.caption_share) == (30.0, 0.1, 0.25)
    assert (images.pseudo_nearest, images.pseudo_above, images.captions_most) == (20, 0.27, 40)
    assert (images.enlarge, images.flip, images.jitter, images.proxy_rate) == (1.125, True, 0.4, 100.0)
    assert (texts.learning_rate, texts.batch_size, texts.weight_decay, texts.unlocked_layers) == (1e-5, 16_384, 0.2, 16)
    assert rate_at(0, 10, 1e-6, 0.1) == 1e-6
    assert rate_at(10, 10, 1e-6, 0.1) == pytest.approx(1e-7)


def test_a_setting_that_is_not_known_is_named(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"learning_rat": 1}')
    with pytest.raises(ConfigurationError, match=r"settings\.json.*pseudo_above.*learning_rat: "):
        ImageConfig.load(path)
    path.write_text('{"margin": 9}')
    with pytest.raises(ConfigurationError, match=r"margin: .*less than 1\.5"):
        ImageConfig.load(path)


def test_pseudo_captions_are_the_nearest_above_the_threshold() -> None:
    images, captions = rows(20, 0), rows(50, 1)
    for image, found in zip(images, pseudo_captions(images, captions, 5, 0.3), strict=True):
        scores = captions @ image
        nearest = sorted(range(50), key=lambda row: -scores[row])[:5]
        assert found.tolist() == [row for row in nearest if scores[row] > 0.3]


def test_own_captions_come_first_and_a_caption_of_two_images_is_one_column(tmp_path: Path) -> None:
    texts = ["a", "b", "c", "d"]
    vectors = rows(4, 0)
    near = [np.array([1, 2]), np.array([2]), np.array([], dtype=np.int64)]
    sets = caption_sets([("a", "b"), ("d", "a"), ()], texts, vectors, near, 3)
    assert [one.tolist() for one in sets.of_image] == [[0, 1, 2], [3, 0, 2], []]
    found, truth = sets.batch(np.array([2, 1]))
    assert np.array_equal(found, vectors[[0, 2, 3]])
    assert truth.tolist() == [[0, 0, 0], [1, 1, 1]]
    path = tmp_path / "list.txt"
    path.write_text("one\n\n two \none\n")
    assert read_caption_list(path) == ["one", "two"]
    path.write_text("\n")
    with pytest.raises(ConfigurationError, match=r"list\.txt"):
        read_caption_list(path)


def test_a_variation_is_the_same_for_the_same_numbers() -> None:
    image = Image.effect_noise((60, 40), 80).convert("RGB")
    one, same, other = (varied(image, (24, 32), ImageConfig(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.shape == (24, 32, 3)
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    still = ImageConfig(enlarge=1.0, flip=False, jitter=0.0)
    plain = np.asarray(image.resize((32, 24), Image.Resampling.BICUBIC))
    assert np.array_equal(varied(image, (24, 32), still, np.random.default_rng(0)), plain)


def test_whole_classes_are_kept_back() -> None:
    classes = [f"class {number // 4}" for number in range(80)]
    data = Labelled(Path(), [f"{number}.jpg" for number in range(80)], classes, [()] * 80)
    known, held = split_classes(data, 0.1, seed=0)
    assert (len(known), len(held), len(held.names)) == (72, 8, 2)
    assert not set(known.classes) & set(held.classes)
    assert split_classes(data, 0.1, seed=0)[1].files == held.files
    assert len(split_classes(data, 0.0, seed=0)[1]) == 0


class Falling:
    """A trainee that gets better and then worse, and counts its steps."""

    def __init__(self, stop_at: int | None = None, loss: float = 1.0) -> None:
        self.network = torch.nn.Linear(1, 1, bias=False)
        self.network.weight.data[:] = 0.0
        self.optimiser = torch.optim.AdamW(self.network.parameters())
        self.steps, self.made, self._stop_at, self._loss = 5, 0, stop_at, loss

    def epoch(self, number: int, first: int) -> Iterator[tuple[int, dict[str, float]]]:
        for _ in range(first, self.steps):
            if self.made == self._stop_at:
                raise KeyboardInterrupt
            self.made += 1
            self.network.weight.data += 1
            yield 2, {"loss": self._loss}

    def test(self) -> dict[str, float]:
        return {"score": 1 - abs(float(self.network.weight.detach()) - 7) / 20}


def test_a_stopped_training_goes_on_and_the_best_weights_stay(tmp_path: Path) -> None:
    told = {"epochs": 3, "tests_per_epoch": 2, "images": 10, "identity": "one", "work": tmp_path}
    stopped = Falling(stop_at=9)
    with pytest.raises(KeyboardInterrupt):
        run_training(stopped, **told)  # type: ignore[arg-type]
    again = Falling()
    progress = run_training(again, **told)  # type: ignore[arg-type]
    whole = Falling()
    straight = run_training(whole, **{**told, "work": tmp_path / "other"})  # type: ignore[arg-type]
    assert progress == straight
    assert again.made == 15 - 7  # the checkpoint before the stop was after seven steps
    assert float(again.network.weight.detach()) == float(whole.network.weight.detach()) == 7
    assert (progress.epoch, progress.best_epoch, progress.score) == (6, 3, 1.0)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [0, 0.5, 1, 1.5, 2, 2.5, 3]


def test_a_loss_that_is_not_finite_ends_it(tmp_path: Path) -> None:
    with pytest.raises(ClipBranchesError, match="smaller learning_rate"):
        run_training(Falling(loss=math.nan), epochs=1, tests_per_epoch=1, images=1, identity="one", work=tmp_path)


def test_the_proof_has_every_class_equally_often_and_unseen_seeds() -> None:
    seeds = list(_chosen(_TRAINING, 2))
    counts = Counter(class_of(sample_scene(seed)) for seed in seeds)
    assert len(counts) == len(KINDS) * len(COLORS)
    assert set(counts.values()) == {2}
    assert _TEST >= EVALUATION_SEEDS_START
    assert min(seeds) >= TRAINING_SEEDS_START > max(_chosen(_TEST, 2))
