"""The quantiser: what a code stands for, at the edges too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from clip_branches.encoding.quantiser import Quantiser
from clip_branches.errors import ConfigurationError, DamagedFile, InvalidInput

finite = st.floats(-1.0, 1.0, width=32, allow_subnormal=False)
matrices = arrays.arrays(np.float32, st.tuples(st.integers(1, 40), st.integers(1, 6)), elements=finite)


def unit_vectors(rows: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(rows, 32)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@settings(max_examples=60, deadline=None)
@given(matrices)
def test_round_trip_is_within_half_a_step_inside_the_range(vectors: np.ndarray) -> None:
    quantiser = Quantiser(tail=0.0).fit(vectors)
    error = np.abs(quantiser.decode(quantiser.encode(vectors)) - vectors)
    assert (error <= quantiser.step_ / 2 + 1e-6).all()


@settings(max_examples=60, deadline=None)
@given(matrices, st.data())
def test_codes_are_monotone_in_every_dimension(vectors: np.ndarray, data: st.DataObject) -> None:
    quantiser = Quantiser().fit(vectors)
    width = vectors.shape[1]
    others = data.draw(arrays.arrays(np.float32, (20, width), elements=st.floats(-4.0, 4.0, width=32)))
    ordered = np.sort(others, axis=0)
    codes = quantiser.encode(ordered).astype(int)
    assert (np.diff(codes, axis=0) >= 0).all()


@settings(max_examples=40, deadline=None)
@given(matrices)
def test_codes_survive_decoding(vectors: np.ndarray) -> None:
    quantiser = Quantiser().fit(vectors)
    codes = np.tile(np.arange(256, dtype=np.uint8)[:, None], (1, vectors.shape[1]))
    varies = quantiser.step_ > np.abs(quantiser.low_) * 1e-5
    assert (quantiser.encode(quantiser.decode(codes)) == codes)[:, varies].all()


def test_values_beyond_the_range_take_the_nearest_code() -> None:
    quantiser = Quantiser().fit(unit_vectors(500))
    codes = quantiser.encode(np.stack([np.full(32, -9.0), np.full(32, 9.0)]))
    assert (codes[0] == 0).all()
    assert (codes[1] == 255).all()


def test_one_outlier_does_not_cost_the_others_precision() -> None:
    vectors = unit_vectors(5_000) * 0.1
    spoilt = vectors.copy()
    spoilt[0] = 50.0
    assert Quantiser().fit(spoilt).step_.max() < 1.5 * Quantiser().fit(vectors).step_.max()


def test_the_range_is_used_dimension_by_dimension() -> None:
    vectors = unit_vectors(2_000) * np.linspace(0.01, 1.0, 32, dtype=np.float32)
    codes = Quantiser().fit(vectors).encode(vectors)
    assert (codes.max(axis=0) - codes.min(axis=0) > 200).all()


def test_a_constant_dimension_keeps_its_value() -> None:
    vectors = unit_vectors(50)
    vectors[:, 3] = 0.25
    vectors[:, 4] = 0.0
    quantiser = Quantiser().fit(vectors)
    decoded = quantiser.decode(quantiser.encode(vectors))
    assert np.allclose(decoded[:, 3:5], vectors[:, 3:5], atol=1e-6)
    assert (quantiser.step_ > 0).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    vectors = unit_vectors(10)
    quantiser = Quantiser().fit(vectors)
    vectors[2, 2] = bad
    with pytest.raises(InvalidInput, match="finite"):
        quantiser.encode(vectors)
    with pytest.raises(InvalidInput, match="finite"):
        Quantiser().fit(vectors)


@pytest.mark.parametrize("shape", [(32,), (2, 31), (2, 3, 32)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    quantiser = Quantiser().fit(unit_vectors(10))
    with pytest.raises(InvalidInput, match="shape"):
        quantiser.encode(np.zeros(shape))
    with pytest.raises(InvalidInput, match="shape"):
        quantiser.decode(np.zeros(shape, dtype=np.uint8))


def test_misuse_is_named() -> None:
    with pytest.raises(ConfigurationError, match="fit"):
        Quantiser().encode(unit_vectors(2))
    with pytest.raises(InvalidInput, match="at least one row"):
        Quantiser().fit(np.empty((0, 32)))
    with pytest.raises(ConfigurationError, match="tail"):
        Quantiser(tail=0.7).fit(unit_vectors(5))
    with pytest.raises(InvalidInput, match="uint8"):
        Quantiser().fit(unit_vectors(5)).decode(np.zeros((2, 32), dtype=np.int64))


def test_no_rows_in_no_rows_out() -> None:
    assert Quantiser().fit(unit_vectors(5)).encode(np.empty((0, 32))).shape == (0, 32)


def test_what_is_loaded_is_what_was_saved(tmp_path: Path) -> None:
    quantiser = Quantiser().fit(unit_vectors(300))
    quantiser.save(tmp_path / "quantiser.json")
    loaded = Quantiser.load(tmp_path / "quantiser.json")
    assert np.array_equal(loaded.low_, quantiser.low_)
    assert np.array_equal(loaded.step_, quantiser.step_)


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        "[]",
        '{"format": "something else", "version": 1}',
        '{"format": "clip-branches-quantiser", "version": 2, "low": [0], "step": [1]}',
        '{"format": "clip-branches-quantiser", "version": 1, "low": [0]}',
        '{"format": "clip-branches-quantiser", "version": 1, "low": [0, 1], "step": [1]}',
        '{"format": "clip-branches-quantiser", "version": 1, "low": [0], "step": [0]}',
        '{"format": "clip-branches-quantiser", "version": 1, "low": ["x"], "step": [1]}',
        '{"format": "clip-branches-quantiser", "version": 1, "low": [NaN], "step": [1]}',
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "quantiser.json"
    path.write_text(content)
    with pytest.raises(DamagedFile, match=r"quantiser\.json"):
        Quantiser.load(path)
    with pytest.raises(DamagedFile, match=r"missing\.json"):
        Quantiser.load(tmp_path / "missing.json")


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    Quantiser().fit(unit_vectors(20)).save(tmp_path / "quantiser.json")
    content = json.loads((tmp_path / "quantiser.json").read_text())
    assert content["format"] == "clip-branches-quantiser"
    assert len(content["low"]) == len(content["step"]) == 32


def test_quantiser_and_heads_load_without_torch() -> None:
    code = "import sys, clip_branches.encoding as e; e.Quantiser, e.Head; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
