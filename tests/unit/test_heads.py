"""Training of heads: pairs, losses, checkpoints, reports, and the layout of the published weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clip_branches.encoding import Head, Quantiser
from clip_branches.encoding.paired import fit_paired
from clip_branches.errors import ClipBranchesError, ConfigurationError, DamagedFile, InvalidInput
from preprocessing.demo_model.network import ProjectionMLP
from preprocessing.heads.config import HeadConfig
from preprocessing.heads.losses import contrastive, mmd
from preprocessing.heads.measure import Side, ranks
from preprocessing.heads.pairs import Pairs, load_pairs, make_pairs
from preprocessing.heads.published import import_published
from preprocessing.heads.run import train_head
from preprocessing.heads.training import Progress, train


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Steps this small gain nothing from a second thread, and lose much where processors are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def drawn_pairs(count: int = 240, width: int = 48, seed: int = 0) -> Pairs:
    """Images and texts that share 12 directions, each with strong directions of its own and a mean of its own."""
    generator = np.random.default_rng(seed)
    basis = np.linalg.qr(generator.normal(size=(width, width)))[0]
    shared = generator.normal(size=(count, 12)) @ basis[:12]
    sides = []
    for own in (basis[12:22], basis[22:32]):
        noise = 1.5 * generator.normal(size=(count, 10)) @ own + 0.2 * generator.normal(size=(count, width))
        sides.append(shared + noise + 3 * own[0])
    return make_pairs(sides[0].astype(np.float32), sides[1].astype(np.float32), "a test")


def agreement(head: Head, pairs: Pairs) -> float:
    own = np.arange(len(pairs))
    side = Side(head.project_texts(pairs.texts), head.project_images(pairs.images), own)
    return float((ranks(side) < 10).mean())


def test_pairs_tell_what_is_shared_from_what_varies() -> None:
    known, unseen = drawn_pairs(), drawn_pairs(seed=0).take(np.arange(0, 240, 2))
    known = known.take(np.arange(1, 240, 2))
    paired = fit_paired(known.images, known.texts, dimensions=8)
    axes = Head.fit_linear(known.images, known.texts, dimensions=8)
    assert agreement(paired, unseen) > agreement(axes, unseen) + 0.1
    again = fit_paired(known.images, known.texts, dimensions=8)
    assert np.array_equal(again.project_images(unseen.images), paired.project_images(unseen.images))


def test_a_paired_head_of_few_dimensions_fills_up_with_zeros_and_refuses_what_is_no_pair() -> None:
    pairs = drawn_pairs(width=33).take(np.arange(40))
    narrow = fit_paired(pairs.images[:, :6], pairs.texts[:, :6])
    assert (narrow.project_images(pairs.images[:, :6])[:, 6:] == 0).all()
    with pytest.raises(InvalidInput, match=r"\(40, 33\) and \(39, 33\)"):
        fit_paired(pairs.images, pairs.texts[1:])
    with pytest.raises(InvalidInput, match="shrinkage"):
        fit_paired(pairs.images, pairs.texts, shrinkage=0)


@pytest.mark.parametrize("distance", ["cosine", "euclidean"])
def test_the_contrastive_loss_is_that_of_its_definition(distance: str) -> None:
    generator = np.random.default_rng(1)
    u, v = (torch.nn.functional.normalize(torch.from_numpy(generator.normal(size=(6, 5))), dim=1) for _ in range(2))
    scale = torch.tensor(7.0, dtype=torch.float64)
    expected = 0.0
    for i in range(6):
        for first, second in ((u, v), (v, u)):
            logits = [
                float(7 * (first[i] @ second[j] if distance == "cosine" else -torch.dist(first[i], second[j])))
                for j in range(6)
            ]
            expected += (np.logaddexp.reduce(logits) - logits[i]) / 12
    found = contrastive(u, v, scale, torch.arange(6), distance)
    assert float(found) == pytest.approx(expected, abs=1e-6)


def test_a_text_said_twice_is_right_for_both_images() -> None:
    u = torch.eye(3)
    same = contrastive(u, u, torch.tensor(5.0), torch.tensor([0, 0, 1]), "cosine")
    swapped = contrastive(u, u[[1, 0, 2]], torch.tensor(5.0), torch.tensor([0, 0, 1]), "cosine")
    assert float(same) == pytest.approx(float(swapped))


def test_mmd_is_zero_for_equal_sides_and_grows_as_they_part() -> None:
    rows = torch.nn.functional.normalize(torch.randn(64, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    apart = torch.nn.functional.normalize(rows + torch.tensor([2.0] + [0.0] * 7), dim=1)
    assert abs(float(mmd(rows, rows))) < 1e-6
    assert float(mmd(rows, apart)) > 0.1


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(1, 8), st.integers(0, 10_000))
def test_ranks_count_what_comes_before(count: int, width: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    queries, gallery = (generator.integers(-2, 3, (count, width)).astype(np.float32) for _ in range(2))
    groups = generator.integers(0, count, count)
    own = np.arange(count)
    found, grouped = ranks(Side(queries, gallery, own)), ranks(Side(queries, gallery, own), groups)
    for i in range(count):
        scores = gallery @ queries[i]
        assert found[i] == sum(scores[j] >= scores[i] for j in range(count) if j != i)
        assert grouped[i] == sum(scores[j] >= scores[i] for j in range(count) if groups[j] != groups[i])


CONFIG = HeadConfig(dimensions=8, epochs=6, validation=0.2, batch_size=64, koleo=0.05, mmd=0.1, noise=0.1)


def test_training_gains_on_unseen_pairs_and_is_the_same_each_time() -> None:
    pairs = drawn_pairs(400)
    known, unseen = pairs.take(np.arange(300)), pairs.take(np.arange(300, 400))
    random_start = CONFIG.model_copy(update={"start": "random", "pull": 0.0, "epochs": 8, "learning_rate": 1e-2})
    head, progress = train(known.take(np.arange(240)), known.take(np.arange(240, 300)), random_start)
    again, _ = train(known.take(np.arange(240)), known.take(np.arange(240, 300)), random_start)
    assert progress.best_epoch > 0
    assert agreement(head, unseen) > 0.3  # chance is 0.1
    assert np.array_equal(head.project_images(unseen.images), again.project_images(unseen.images))


@pytest.mark.parametrize(
    "config", [{"distance": "euclidean"}, {"precision": "bf16"}, {"hidden": (16, 12), "pull": 0.0}]
)
def test_every_kind_of_training_gives_a_whole_head(config: dict[str, object]) -> None:
    pairs = drawn_pairs(120)
    head, _ = train(pairs.take(np.arange(90)), pairs.take(np.arange(90, 120)), CONFIG.model_copy(update=config))
    vectors = head.project_images(pairs.images)
    assert vectors.shape == (120, 8)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert head.kind == ("mlp" if "hidden" in config else "linear")


def test_a_stopped_training_goes_on_where_it_stopped(tmp_path: Path) -> None:
    pairs = drawn_pairs(120)
    known, validation = pairs.take(np.arange(90)), pairs.take(np.arange(90, 120))
    config = CONFIG.model_copy(update={"patience": 50, "hidden": (16,), "pull": 0.0})
    whole, _ = train(known, validation, config)

    def stop(progress: Progress) -> None:
        if progress.epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(known, validation, config, work=tmp_path, after_epoch=stop)
    seen: list[int] = []
    resumed, _ = train(known, validation, config, work=tmp_path, after_epoch=lambda now: seen.append(now.epoch))
    assert seen == [4, 5, 6]
    assert np.array_equal(resumed.project_texts(pairs.texts), whole.project_texts(pairs.texts))
    _, progress = train(known, validation, config.model_copy(update={"seed": 1}), work=tmp_path)
    assert progress.epoch == 6  # another training's checkpoint says nothing about this one
    (tmp_path / "training.safetensors").write_bytes(b"half")
    with pytest.raises(DamagedFile, match=r"training\.safetensors.*Remove it"):
        train(known, validation, config, work=tmp_path)


def test_a_loss_that_is_not_finite_ends_the_training() -> None:
    pairs = drawn_pairs(60)
    config = CONFIG.model_copy(update={"learning_rate": 1e30, "pull": 1.0})
    with pytest.raises(ClipBranchesError, match="learning_rate"):
        train(pairs.take(np.arange(40)), pairs.take(np.arange(40, 60)), config)


@pytest.mark.parametrize("folds", [0, 3])
def test_the_report_says_what_the_bytes_cost(tmp_path: Path, folds: int) -> None:
    report = train_head(drawn_pairs(150).made_by("some/model", "f" * 32), CONFIG, tmp_path, folds=folds)
    assert list(report["unseen"]) == [
        "floats", "pca", "head", "codes, affine", "codes, uniform", "codes, equi-depth"
    ]  # fmt: skip
    assert report["tested"] == (150 if folds else 15)
    for directions in report["unseen"].values():
        assert 0 <= directions["text_to_image"]["1"] <= directions["text_to_image"]["10"] <= 1
    assert json.loads((tmp_path / "report.json").read_text())["pairs"] == 150
    assert "| head, 8-d |" in (tmp_path / "report.md").read_text()
    head = Head.load(tmp_path)
    assert (head.fingerprint, head.output_dim) == ("f" * 32, 8)
    assert Quantiser.load(tmp_path / "quantiser.json").encode(head.project_images(drawn_pairs().images)).std() > 20
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "head.json", "head.safetensors", "quantiser.json", "report.json", "report.md"
    ]  # fmt: skip


def test_pairs_of_files_and_folders(tmp_path: Path) -> None:
    pairs = drawn_pairs(20)
    np.savez(tmp_path / "pairs.npz", image_emb=3 * pairs.images, text_emb=pairs.texts)
    for side, rows in (("img_emb", pairs.images), ("text_emb", pairs.texts)):
        (tmp_path / side).mkdir()
        for number in range(2):
            part = rows[number * 10 : number * 10 + 10].astype(np.float16)
            np.save(tmp_path / side / f"{side}_{number}.npy", part)
    for source in (tmp_path / "pairs.npz", tmp_path):
        loaded = load_pairs(source)
        assert np.allclose(loaded.images, pairs.images, atol=2e-3)
        assert np.allclose(loaded.texts, pairs.texts, atol=2e-3)


def test_what_cannot_be_pairs_is_named(tmp_path: Path) -> None:
    pairs = drawn_pairs(20)
    with pytest.raises(InvalidInput, match="catalogue's name"):
        load_pairs(tmp_path / "nothing")
    np.savez(tmp_path / "other.npz", images=pairs.images)
    with pytest.raises(InvalidInput, match=r"image_emb and text_emb. Got images"):
        load_pairs(tmp_path / "other.npz")
    (tmp_path / "half.npz").write_bytes((tmp_path / "other.npz").read_bytes()[:500])
    with pytest.raises(DamagedFile, match=r"half\.npz"):
        load_pairs(tmp_path / "half.npz")
    with pytest.raises(InvalidInput, match=r"\(20, 48\).*\(20, 47\)"):
        make_pairs(pairs.images, pairs.texts[:, 1:], "it")
    with pytest.raises(InvalidInput, match="finite"):
        make_pairs(pairs.images * np.nan, pairs.texts, "it")
    with pytest.raises(InvalidInput, match="at least 8 pairs"):
        train(pairs.take(np.arange(5)), pairs.take(np.arange(5, 20)), CONFIG)
    with pytest.raises(InvalidInput, match="folds"):
        train_head(pairs, CONFIG, tmp_path, folds=21)


@pytest.mark.parametrize("content", ["{", "[]", '{"hiden": [2]}', '{"epochs": -1}', '{"hidden": [0]}'])
def test_settings_that_cannot_be_used_name_the_known_ones(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ConfigurationError, match=r"config\.json.*dimensions, hidden"):
        HeadConfig.load(tmp_path / "config.json")
    (tmp_path / "config.json").write_text(HeadConfig(hidden=(8, 8)).model_dump_json())
    assert HeadConfig.load(tmp_path / "config.json").hidden == (8, 8)


class Published(torch.nn.Module):
    """The layout of the published weights: towers, and two heads of Linear, BatchNorm, ReLU, twice, and Linear."""

    def __init__(self) -> None:
        super().__init__()
        self.model = torch.nn.Linear(3, 3)
        torch.manual_seed(0)
        self.head_vis, self.head_text = (ProjectionMLP(16, (24, 20), 32) for _ in range(2))


@pytest.mark.parametrize("form", ["safetensors", "pt", "wrapped"])
def test_the_layout_of_the_published_weights_is_taken_over(tmp_path: Path, form: str) -> None:
    from safetensors.torch import save_file

    published = Published()
    rows = torch.randn(50, 16, generator=torch.Generator().manual_seed(0))
    for _ in range(3):  # moves the running means away from their start
        published.head_vis(rows * 2 + 1), published.head_text(rows - 1)
    published.eval()
    path = tmp_path / ("weights.safetensors" if form == "safetensors" else "weights.pt")
    if form == "safetensors":
        save_file(published.state_dict(), path)
    else:
        torch.save(published.state_dict() if form == "pt" else {"state_dict": published.state_dict()}, path)
    head = import_published(path)
    with torch.inference_mode():
        assert np.allclose(head.project_images(rows.numpy()), published.head_vis(rows).numpy(), atol=1e-5)
        assert np.allclose(head.project_texts(rows.numpy()), published.head_text(rows).numpy(), atol=1e-5)


def test_weights_without_published_heads_are_named(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file(torch.nn.Linear(3, 3).state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(DamagedFile, match=r"other\.safetensors.*head_vis.*Got bias, weight"):
        import_published(tmp_path / "other.safetensors")
    (tmp_path / "run.pt").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(DamagedFile, match=r"run\.pt"):
        import_published(tmp_path / "run.pt")
