"""Mean average precision against a slow twin of the published evaluation, and cases worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clip_branches.composing.sums import unit
from clip_branches.errors import ConfigurationError, DamagedFile, InvalidInput
from preprocessing.evaluating.arrays import read_embeddings, read_rankings
from preprocessing.evaluating.average_precision import average_precisions, checked_rankings, precisions_of
from preprocessing.evaluating.comparison import comparison_table, keep_comparison
from preprocessing.evaluating.gpr1200 import DOMAINS, IMAGES, gpr1200_figures, list_gpr1200


def slow_average_precision(relevant: list[bool]) -> float:
    """The published definition, one place after the other."""
    seen, score = 0, 0.0
    for place, right in enumerate(relevant):
        if right:
            seen += 1
            score += seen / (place + 1)
    return score / seen


def slow_precisions(vectors: np.ndarray, labels: np.ndarray) -> list[float]:
    found = []
    for query in range(len(vectors)):
        scores = (vectors @ vectors[query]).tolist()
        order = sorted(range(len(vectors)), key=lambda row: (-scores[row], row))
        found.append(slow_average_precision([labels[row] == labels[query] for row in order]))
    return found


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(1, 6), st.integers(0, 1_000))
def test_average_precision_is_that_of_a_slow_twin(count: int, classes: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    vectors = unit(generator.normal(size=(count, 8)))
    labels = generator.integers(0, classes, count)
    assert average_precisions(vectors, labels) == pytest.approx(slow_precisions(vectors, labels), abs=1e-12)


def test_cases_worked_out_by_hand() -> None:
    labels = np.array([0, 0, 0, 1])
    # Itself first, then a wrong one, then the two others: (1/1 + 2/3 + 3/4) / 3.
    order = np.array([[0, 3, 1, 2], [1, 0, 2, 3], [3, 2, 1, 0], [0, 1, 2, 3]])
    found = precisions_of([(slice(0, 4), order)], labels)
    assert found == pytest.approx([(1 + 2 / 3 + 3 / 4) / 3, 1.0, (1 / 2 + 2 / 3 + 3 / 4) / 3, 1 / 4])


def test_equal_products_are_ordered_by_row() -> None:
    vectors = np.ones((4, 2), dtype=np.float32) / np.sqrt(2)
    labels = np.array([1, 0, 1, 0])
    first = (1 + 2 / 3) / 2
    second = (1 / 2 + 2 / 4) / 2
    assert average_precisions(vectors, labels) == pytest.approx([first, second, first, second])


def test_domains_are_the_images_in_order_and_figures_have_four_places() -> None:
    precisions = np.repeat(np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.60004]), IMAGES // 6)
    figures = gpr1200_figures(precisions)
    assert [figures[name] for name in DOMAINS] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert figures["all"] == 0.35
    assert figures["without faces"] == 0.3
    with pytest.raises(InvalidInput, match="12000"):
        gpr1200_figures(precisions[:10])


def test_a_ranking_that_is_not_full_is_named() -> None:
    for wrong in ([1, 1, 2], [0, 1, 3], [0, -1, 2]):
        order = np.array([[0, 1, 2], wrong, [2, 1, 0]])
        with pytest.raises(DamagedFile, match=r"ranks\.npy.*0 to 2 once\. Row 1 "):
            list(checked_rankings(order, "ranks.npy"))


def test_arrays_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npy"
    with pytest.raises(ConfigurationError, match=r"vectors\.npy"):
        read_embeddings(path, 3)
    wrong = [
        (np.ones((2, 4), np.float32), r"\(3, d\).*\(2, 4\)"),
        (np.ones((3, 4), np.int64), r"int64"),
        (np.array([[1.0, 0], [0, 0], [0, 1]]), "row 1"),
        (np.array([[1.0, 0], [0, 1], [np.nan, 1]]), "row 2"),
        (np.array([{}, {}, {}], dtype=object), "whole .npy file of numbers"),
    ]
    for array, message in wrong:
        np.save(path, array, allow_pickle=True)
        with pytest.raises(DamagedFile, match=message):
            read_embeddings(path, 3)
    for content in (b"", b"\x93NUMPY", b"not numbers"):
        path.write_bytes(content)
        with pytest.raises(DamagedFile, match=r"vectors\.npy"):
            read_embeddings(path, 3)
        with pytest.raises(DamagedFile, match=r"vectors\.npy"):
            read_rankings(path, 3)
    np.save(path, np.zeros((3, 2), np.int64))
    with pytest.raises(DamagedFile, match=r"\(3, 3\)"):
        read_rankings(path, 3)
    np.save(path, np.array([[3.0, 4], [0, 2], [1, 0]]))
    assert read_embeddings(path, 3)[0] == pytest.approx([0.6, 0.8])  # normalised before any product


def test_a_folder_that_is_not_the_data_set_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0_a.jpg").write_bytes(b"")
    with pytest.raises(InvalidInput, match=r"1,200 categories.*Got 1 categories.*0 with 1.*evaluate models"):
        list_gpr1200(tmp_path)
    (tmp_path / "bird_a.jpg").write_bytes(b"")
    with pytest.raises(InvalidInput, match=r"'bird_a\.jpg'"):
        list_gpr1200(tmp_path)


def test_two_models_stand_side_by_side_with_their_difference(tmp_path: Path) -> None:
    figures = {"one": {"mAP": 0.5, "R@1": 0.25}, "other": {"mAP": 0.75}}
    table = comparison_table(figures)
    assert "+0.2500" in table
    assert table.splitlines()[-1].split("|")[2:5] == [" 0.2500 ", " -      ", " -          "]
    keep_comparison(tmp_path / "out", "Models", figures, {"images": 3})
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["figures.json", "figures.md", "figures.png"]
