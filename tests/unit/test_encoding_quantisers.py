"""The published and the equi-depth quantiser, and rotations: what they promise, and that the measured choice holds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from clip_branches.encoding import Head, Quantiser
from clip_branches.encoding.quantiser import make_quantiser
from clip_branches.encoding.quantisers import EquiDepthQuantiser, UniformQuantiser
from clip_branches.errors import ConfigurationError, DamagedFile, InvalidInput

KINDS = ("affine", "uniform", "equi-depth")
matrices = arrays.arrays(
    np.float32, st.tuples(st.integers(1, 40), st.integers(1, 5)), elements=st.floats(-1, 1, width=32)
)


def unit_vectors(rows: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(rows, 32)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@settings(max_examples=40, deadline=None)
@given(matrices)
def test_the_published_codes_are_the_published_formula(vectors: np.ndarray) -> None:
    quantiser = UniformQuantiser().fit(vectors)
    codes = quantiser.encode(vectors)
    assert np.array_equal(codes, np.floor(np.clip(np.float32(127.5) * vectors + 128, 0, 255)).astype(int))
    assert (np.abs(quantiser.decode(codes) - vectors) <= 0.5 / 127.5 + 1e-6).all()


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(KINDS), matrices, st.data())
def test_every_quantiser_is_monotone(kind: str, vectors: np.ndarray, data: st.DataObject) -> None:
    quantiser = make_quantiser(kind).fit(vectors)
    others = data.draw(arrays.arrays(np.float32, (20, vectors.shape[1]), elements=st.floats(-4, 4, width=32)))
    codes = quantiser.encode(np.sort(others, axis=0))
    assert (np.diff(codes.astype(int), axis=0) >= 0).all()
    assert (np.diff(quantiser.decode(codes), axis=0) >= 0).all()


def test_equal_shares_use_every_code_alike() -> None:
    vectors = unit_vectors(25_600)
    codes = EquiDepthQuantiser().fit(vectors).encode(vectors)
    counts = np.stack([np.bincount(column, minlength=256) for column in codes.T])
    assert counts.min() > 90
    assert counts.max() < 110


def test_equal_values_and_few_rows_are_no_trouble() -> None:
    for rows in (np.zeros((5, 3)), np.ones((1, 3)), np.repeat([[0.5, -0.5, 0.0]], 300, axis=0)):
        quantiser = EquiDepthQuantiser().fit(rows)
        assert np.allclose(quantiser.decode(quantiser.encode(rows)), rows, atol=1e-6)
        assert (quantiser.step_ > 0).all()


def test_the_line_of_equal_shares_is_the_least_squares_one() -> None:
    quantiser = EquiDepthQuantiser().fit(unit_vectors(3_000))
    step, low = np.polyfit(np.arange(256), quantiser.values_[7].astype(np.float64), 1)
    assert quantiser.step_[7] == pytest.approx(step, rel=1e-5)
    assert quantiser.low_[7] == pytest.approx(low, rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_loaded_is_what_was_saved(tmp_path: Path, kind: str) -> None:
    vectors = unit_vectors(500)
    quantiser = make_quantiser(kind).fit(vectors)
    quantiser.save(tmp_path / "quantiser.json")
    loaded = Quantiser.load(tmp_path / "quantiser.json")
    assert loaded.kind == kind
    codes = quantiser.encode(unit_vectors(50, seed=1))
    assert np.array_equal(loaded.encode(unit_vectors(50, seed=1)), codes)
    assert np.array_equal(loaded.decode(codes), quantiser.decode(codes))
    assert json.loads((tmp_path / "quantiser.json").read_text())["version"] == (1 if kind == "affine" else 2)


def test_damage_and_misuse_are_named(tmp_path: Path) -> None:
    path = tmp_path / "quantiser.json"
    EquiDepthQuantiser().fit(unit_vectors(300)).save(path)
    content = json.loads(path.read_text())
    spoilt = [
        {**content, "kind": "other"},
        {**content, "borders": content["borders"][:-1]},
        {**content, "values": [row[::-1] for row in content["values"]]},
        {**content, "borders": [["x"]]},
        {key: value for key, value in content.items() if key != "values"},
    ]
    for values in spoilt:
        path.write_text(json.dumps(values))
        with pytest.raises(DamagedFile, match=r"quantiser\.json"):
            Quantiser.load(path)
    with pytest.raises(ConfigurationError, match="affine, equi-depth, uniform"):
        make_quantiser("other")
    for kind in KINDS:
        with pytest.raises(ConfigurationError, match="fit"):
            make_quantiser(kind).encode(unit_vectors(2))
        with pytest.raises(InvalidInput, match="finite"):
            make_quantiser(kind).fit(unit_vectors(3)).encode(unit_vectors(3) * np.nan)


def test_codes_by_the_default_keep_more_neighbours_than_the_others() -> None:
    images, queries = unit_vectors(3_000), unit_vectors(100, seed=1)
    exact = np.argsort(-(queries @ images.T), axis=1)[:, :10]
    kept = {}
    for kind in KINDS:
        quantiser = make_quantiser(kind).fit(images)
        coded = quantiser.decode(quantiser.encode(images))
        found = np.argsort(-(queries @ coded.T), axis=1)[:, :10]
        kept[kind] = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(exact, found, strict=True)])
    assert kept["affine"] == max(kept.values())


def test_a_rotation_keeps_products_and_comes_back_by_its_seed(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    layers = [(generator.normal(size=(32, 16)).astype(np.float32), generator.normal(size=32).astype(np.float32))]
    head = Head("linear", layers, layers, "f" * 32)
    turned = head.rotated(7)
    rows = generator.normal(size=(20, 16)).astype(np.float32)
    before, after = head.project_images(rows), turned.project_images(rows)
    assert not np.allclose(before, after, atol=0.05)
    assert np.allclose(before @ head.project_texts(rows).T, after @ turned.project_texts(rows).T, atol=1e-5)
    turned.save(tmp_path)
    loaded = Head.load(tmp_path)
    assert loaded.fingerprint == "f" * 32
    assert np.array_equal(loaded.project_images(rows), head.rotated(7).project_images(rows))
    assert not np.allclose(after, head.rotated(8).project_images(rows), atol=0.05)
