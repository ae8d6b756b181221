"""Projection heads: their arithmetic, their files and the fitted kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clip_branches.encoding.head import Head
from clip_branches.errors import ConfigurationError, DamagedFile, InvalidInput


def random_head(seed: int = 0, inputs: int = 16, hidden: int = 24, outputs: int = 32) -> Head:
    generator = np.random.default_rng(seed)

    def layers() -> list[tuple[np.ndarray, np.ndarray]]:
        sizes = [(hidden, inputs), (outputs, hidden)]
        return [
            (generator.normal(size=size).astype(np.float32), generator.normal(size=size[0]).astype(np.float32))
            for size in sizes
        ]

    return Head("mlp", layers(), layers())


def embeddings(rows: int, width: int = 16, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)


def test_a_saved_head_gives_the_same_vectors(tmp_path: Path) -> None:
    head, rows = random_head(), embeddings(20)
    head.save(tmp_path)
    loaded = Head.load(tmp_path)
    assert (loaded.kind, loaded.input_dim, loaded.output_dim) == ("mlp", 16, 32)
    assert np.array_equal(loaded.project_images(rows), head.project_images(rows))
    assert np.array_equal(loaded.project_texts(rows), head.project_texts(rows))
    assert not np.allclose(head.project_images(rows), head.project_texts(rows))


def test_vectors_are_unit_float32_and_rows_do_not_depend_on_one_another() -> None:
    head, rows = random_head(), embeddings(20)
    vectors = head.project_images(rows)
    assert vectors.dtype == np.float32
    assert vectors.shape == (20, 32)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    assert np.allclose(head.project_images(rows[7:8]), vectors[7:8], atol=1e-6)
    assert head.project_images(rows[:0]).shape == (0, 32)


def test_a_trained_head_is_exported_with_its_batch_norms_folded_in() -> None:
    torch = pytest.importorskip("torch")
    from preprocessing.demo_model.network import ProjectionMLP

    torch.manual_seed(0)
    trained = ProjectionMLP(16, (24, 20), 32)
    rows = torch.from_numpy(embeddings(64))
    for _ in range(5):  # moves the running means away from their start
        trained(rows * 3.0 + 1.0)
    layers = trained.eval().folded_layers()
    with torch.inference_mode():
        expected = trained(rows).numpy()
    assert len(layers) == 3
    assert np.allclose(Head("mlp", layers, layers).project_images(rows.numpy()), expected, atol=1e-5)


def test_a_fitted_head_keeps_the_widest_directions() -> None:
    generator = np.random.default_rng(0)
    basis = np.linalg.qr(generator.normal(size=(64, 64)))[0]
    images = (generator.normal(size=(400, 8)) @ basis[:8] + 5.0 * basis[20]).astype(np.float32)
    texts = (generator.normal(size=(100, 8)) @ basis[:8] - 5.0 * basis[20]).astype(np.float32)
    head = Head.fit_linear(images, texts)
    vectors = head.project_images(images)
    assert (head.kind, head.output_dim) == ("linear", 32)
    centred = images - images.mean(axis=0)
    expected = centred @ centred.T / np.outer(*[np.linalg.norm(centred, axis=1)] * 2)
    assert np.allclose(vectors @ vectors.T, expected, atol=1e-4)
    # The gap between the two sides is gone: a text with an image's content lies on that image.
    assert np.allclose(head.project_texts(images - images.mean(axis=0) + texts.mean(axis=0)), vectors, atol=1e-4)


def test_a_fitted_head_is_the_same_when_fitted_again(tmp_path: Path) -> None:
    images, texts = embeddings(50), embeddings(30, seed=2)
    head = Head.fit_linear(images, texts, dimensions=8)
    head.save(tmp_path)
    again = Head.fit_linear(images, texts, dimensions=8)
    assert np.array_equal(again.project_images(images), Head.load(tmp_path).project_images(images))


def test_a_fitted_head_of_few_dimensions_fills_up_with_zeros() -> None:
    vectors = Head.fit_linear(embeddings(50, width=6), embeddings(5, width=6)).project_images(embeddings(9, width=6))
    assert vectors.shape == (9, 32)
    assert (vectors[:, 6:] == 0).all()


def test_misuse_is_named() -> None:
    with pytest.raises(InvalidInput, match="16"):
        random_head().project_images(embeddings(3, width=5))
    with pytest.raises(InvalidInput, match="at least one"):
        Head.fit_linear(np.empty((0, 4)), np.empty((0, 4)))
    good = np.zeros((4, 3), dtype=np.float32), np.zeros(4, dtype=np.float32)
    with pytest.raises(ConfigurationError, match="chain"):
        Head("mlp", [good, good], [good])
    with pytest.raises(ConfigurationError, match="at least one layer"):
        Head("mlp", [], [good])
    with pytest.raises(ConfigurationError, match="finite"):
        Head("mlp", [good], [(good[0] + np.nan, good[1])])


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_truncated_tensor_file_is_named(tmp_path: Path, share: float) -> None:
    random_head().save(tmp_path)
    path = tmp_path / "head.safetensors"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(DamagedFile, match=r"head\.safetensors"):
        Head.load(tmp_path)


def test_files_that_do_not_belong_together_are_named(tmp_path: Path) -> None:
    random_head(hidden=24).save(tmp_path / "a")
    random_head(hidden=25).save(tmp_path / "b")
    (tmp_path / "a" / "head.json").write_bytes((tmp_path / "b" / "head.json").read_bytes())
    with pytest.raises(DamagedFile, match=r"head\.safetensors"):
        Head.load(tmp_path / "a")
    with pytest.raises(DamagedFile, match=r"head\.json"):
        Head.load(tmp_path / "nowhere")
