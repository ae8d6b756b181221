"""Composition: sums and arcs, the Combiner against its formula, pseudo-words in the text tower, files and errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from clip_branches.composing import Combiner, Inversion, load_composer, slerp, weighted_sum
from clip_branches.composing.inversion import InvertedText
from clip_branches.composing.lift import Lift
from clip_branches.composing.towers import raw_images, raw_texts, target_pad
from clip_branches.encoding import Encoder
from clip_branches.errors import ConfigurationError, DamagedFile, InvalidInput

MODEL = Path("assets/models/demo")


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load(f"local-dir:{MODEL}")


def unit_rows(count: int, width: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_sum_and_arc_run_from_the_look_to_the_words() -> None:
    look, words = unit_rows(5, 16, 0), unit_rows(5, 16, 1)
    for mix in (weighted_sum, slerp):
        np.testing.assert_allclose(mix(look, words, 0.0), look, atol=1e-6)
        np.testing.assert_allclose(mix(look, words, 1.0), words, atol=1e-6)
        np.testing.assert_allclose(np.linalg.norm(mix(look, words, 0.3), axis=1), 1, atol=1e-6)
    whole = np.arccos((look * words).sum(axis=1))
    third = np.arccos((look * slerp(look, words, 1 / 3)).sum(axis=1))
    np.testing.assert_allclose(third, whole / 3, atol=1e-4)
    np.testing.assert_allclose(slerp(look, look, 0.4), look, atol=1e-6)
    assert np.isfinite(slerp(look, -look, 0.5)).all()


def test_what_cannot_be_mixed_is_refused() -> None:
    rows = unit_rows(2, 4, 0)
    with pytest.raises(InvalidInput, match="balance"):
        weighted_sum(rows, rows, 1.5)
    with pytest.raises(InvalidInput, match="shape"):
        slerp(rows, rows[:1])


def test_the_combiner_is_its_formula_and_has_the_published_size() -> None:
    assert sum(p.numel() for p in Combiner(640, 2560, 5120).parameters()) == 59_003_521
    torch.manual_seed(0)
    network = Combiner(8).eval()
    assert (network.projection, network.hidden) == (32, 64)
    image, text = torch.randn(3, 8), torch.randn(3, 8)
    w = {name: tensor.detach().numpy().astype(np.float64) for name, tensor in network.state_dict().items()}

    def layer(name: str, x: np.ndarray) -> np.ndarray:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    i, t = image.numpy().astype(np.float64), text.numpy().astype(np.float64)
    c = np.hstack([np.maximum(layer("text_projection_layer", t), 0), np.maximum(layer("image_projection_layer", i), 0)])
    v = layer("output_layer", np.maximum(layer("combiner_layer", c), 0))
    share = 1 / (1 + np.exp(-layer("dynamic_scalar.3", np.maximum(layer("dynamic_scalar.0", c), 0))))
    expected = v + share * t + (1 - share) * i
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(network(image, text).detach().numpy(), expected, atol=1e-5)


def test_a_combiner_comes_back_from_both_layouts(tmp_path: Path) -> None:
    network = Combiner(8, 12, 20, dropout=0.2).eval()
    image, text = torch.randn(3, 8), torch.randn(3, 8)
    expected = network(image, text)
    network.save(tmp_path / "ours.safetensors")
    ours = Combiner.load(tmp_path / "ours.safetensors")
    assert (ours.projection, ours.hidden, ours.dropout, ours.raw) == (12, 20, 0.2, False)
    torch.testing.assert_close(ours(image, text), expected, atol=5e-3, rtol=0)
    network.save_published(tmp_path / "theirs.pt", epoch=7)
    assert torch.load(tmp_path / "theirs.pt", weights_only=True)["epoch"] == 7
    theirs = Combiner.load(tmp_path / "theirs.pt")
    assert (theirs.projection, theirs.hidden, theirs.raw) == (12, 20, True)
    torch.testing.assert_close(theirs(image, text), expected)


def test_layers_that_do_not_fit_are_named(tmp_path: Path) -> None:
    state = Combiner(8).state_dict()
    del state["output_layer.bias"]
    torch.save({"epoch": 1, "Combiner": {**state, "extra.weight": torch.zeros(2)}}, tmp_path / "a.pt")
    with pytest.raises(DamagedFile, match=r"missing: output_layer\.bias; surplus: extra\.weight"):
        Combiner.load(tmp_path / "a.pt")
    (tmp_path / "b.pt").write_bytes(b"nothing")
    (tmp_path / "b.safetensors").write_bytes(b"nothing")
    for name in ("b.pt", "b.safetensors"):
        with pytest.raises(DamagedFile, match=name.replace(".", r"\.")):
            Combiner.load(tmp_path / name)


def test_the_word_of_a_token_itself_changes_nothing(encoder: Encoder) -> None:
    """Each caption with the table's own word given for one of its tokens has the vector that the tower gives it."""
    tower = InvertedText(encoder.model, encoder.tokenizer)
    texts = ["a red boat at the beach", "two cats"]
    tokens = tower.tokens(texts)
    replaced = torch.zeros_like(tokens, dtype=torch.bool)
    replaced[:, 2] = True
    with torch.inference_mode():
        words = tower.tower.token_embedding(tokens[:, 2])
        found = tower.embed(tokens, words[:, None], replaced).numpy()
    np.testing.assert_allclose(found, encoder.embed_texts(texts), atol=1e-5)


def test_an_inversion_comes_back_and_reads_any_words(tmp_path: Path, encoder: Encoder) -> None:
    tower = InvertedText(encoder.model, encoder.tokenizer)
    network = Inversion(encoder.embedding_dim, tower.word_width, 32).eval()
    network.gap.fill_(0.25)
    network.save(tmp_path / "inversion.safetensors")
    composer = load_composer("inversion", encoder, folder=tmp_path)
    images = unit_rows(3, encoder.embedding_dim, 0)
    # Dollars and braces in a user's words are words.
    found = composer.compose(images, ["a red boat", "for $5 {}", ""])
    assert found.shape == (3, encoder.embedding_dim)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert composer.side == "texts"
    with pytest.raises(InvalidInput, match="template"):
        Inversion(8, 4, template="a photo of {}")


def test_a_method_that_is_not_there_names_those_that_are(tmp_path: Path, encoder: Encoder) -> None:
    with pytest.raises(ConfigurationError, match="sum, slerp, combiner, inversion"):
        load_composer("average", encoder)
    with pytest.raises(ConfigurationError, match="train-combiner"):
        load_composer("combiner", encoder, folder=tmp_path)
    Combiner(8).save(tmp_path / "combiner.safetensors")
    with pytest.raises(ConfigurationError, match="length 128"):
        load_composer("combiner", encoder, folder=tmp_path)


def test_a_lift_predicts_and_comes_back(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    codes = unit_rows(500, 32, 1)
    images = codes @ generator.normal(size=(32, 128)).astype(np.float32) + 0.1
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    lift = Lift.fit(codes, images)
    lift.save(tmp_path / "lift.safetensors")
    found = Lift.load(tmp_path / "lift.safetensors")(codes)
    assert (found * images).sum(axis=1).mean() > 0.97
    (tmp_path / "lift.safetensors").write_bytes(b"no")
    with pytest.raises(DamagedFile, match=r"lift\.safetensors"):
        Lift.load(tmp_path / "lift.safetensors")


def test_raw_vectors_point_where_unit_ones_do(encoder: Encoder) -> None:
    image = Image.new("RGB", (64, 64), (200, 30, 30))
    for raw, made in (
        (raw_images(encoder, [image]), encoder.embed_images([image])),
        (raw_texts(encoder, ["a boat"]), encoder.embed_texts(["a boat"])),
    ):
        np.testing.assert_allclose(raw / np.linalg.norm(raw), made, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "padded"),
    [((100, 100), (100, 100)), ((124, 100), (124, 100)), ((200, 100), (200, 160)), ((90, 300), (240, 300))],
)
def test_long_images_are_padded_as_clip4cir_does(size: tuple[int, int], padded: tuple[int, int]) -> None:
    assert target_pad(Image.new("RGB", size)).size == padded
