"""k-NN, zero-shot and text recall against slow twins, and folders with classes and captions."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from clip_branches.composing.sums import unit
from clip_branches.errors import ConfigurationError, InvalidInput
from preprocessing.evaluating.labelled import read_labelled
from preprocessing.evaluating.measures import caption_pairs, knn_accuracy, text_recall, zero_shot_accuracy
from preprocessing.evaluating.models import checked_templates, read_class_names


def slow_knn(vectors: np.ndarray, labels: np.ndarray, neighbours: int) -> float:
    right = 0
    for query in range(len(vectors)):
        scores = {row: float(vectors[row] @ vectors[query]) for row in range(len(vectors)) if row != query}
        near = sorted(scores, key=lambda row: -scores[row])[:neighbours]
        votes: dict[int, float] = {}
        for row in near:
            votes[int(labels[row])] = votes.get(int(labels[row]), 0.0) + math.exp(scores[row] / 0.1)
        right += max(sorted(votes), key=lambda label: votes[label]) == labels[query]
    return right / len(vectors)


def slow_recall(vectors: np.ndarray, texts: np.ndarray, pairs: list[tuple[int, int]], limit: int) -> float:
    right = 0
    for text, _ in pairs:
        own = {image for one, image in pairs if one == text}
        scores = [float(vector @ texts[text]) for vector in vectors]
        best = max(scores[image] for image in own)
        before = sum(score >= best for image, score in enumerate(scores) if image not in own)
        right += before < limit
    return right / len(pairs)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 50), st.integers(1, 5), st.integers(1, 30), st.integers(0, 1_000))
def test_knn_is_that_of_a_slow_twin(count: int, classes: int, neighbours: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    vectors = unit(generator.normal(size=(count, 6)))
    labels = generator.integers(0, classes, count)
    assert knn_accuracy(vectors, labels, neighbours) == pytest.approx(slow_knn(vectors, labels, neighbours))


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 40), st.integers(1, 20), st.integers(0, 1_000))
def test_text_recall_is_that_of_a_slow_twin(images: int, texts: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    vectors, words = unit(generator.normal(size=(images, 6))), unit(generator.normal(size=(texts, 6)))
    # Some texts belong to several images, some to none.
    pairs = sorted({(int(generator.integers(texts)), int(generator.integers(images))) for _ in range(texts + 2)})
    found = text_recall(vectors, words, np.array(pairs), (1, 5))
    assert found == pytest.approx({f"R@{limit}": slow_recall(vectors, words, pairs, limit) for limit in (1, 5)})


def test_zero_shot_takes_the_most_alike_class() -> None:
    vectors = unit([[1, 0.1], [0.2, 1], [1, 0.9]])
    assert zero_shot_accuracy(vectors, unit([[1, 0], [0, 1]]), np.array([0, 1, 1])) == pytest.approx(2 / 3)


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    for name in ("owl/a.png", "owl/b.png", "great_tit/c.png"):
        path = tmp_path / "birds" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(path)
    return tmp_path / "birds"


def test_folders_are_classes_and_lines_beside_an_image_its_captions(birds: Path) -> None:
    (birds / "owl" / "a.txt").write_text("an owl at night\n\n an owl \nan owl\n")
    data = read_labelled(birds)
    assert list(zip(data.files, data.classes, data.captions, strict=True)) == [
        ("great_tit/c.png", "great_tit", ()),
        ("owl/a.png", "owl", ("an owl at night", "an owl")),
        ("owl/b.png", "owl", ()),
    ]
    assert data.labels.tolist() == [0, 1, 1]
    assert read_class_names(None, data.names) == {"great_tit": "great tit", "owl": "owl"}
    texts, pairs = caption_pairs(data)
    assert (texts, pairs.tolist()) == (["an owl at night", "an owl"], [[0, 1], [1, 1]])


def test_a_table_tells_classes_and_captions_a_row_each(birds: Path) -> None:
    (birds / "captions.csv").write_text(
        "filename,caption,Class\nowl/a.png,one,1\nowl/a.png,two,1\nb.png,,1\ngreat_tit/c.png,three,2\nelse.png,x,9\n"
    )
    data = read_labelled(birds)
    assert dict(zip(data.files, data.captions, strict=True))["owl/a.png"] == ("one", "two")
    assert data.classes == ["2", "1", "1"]
    assert read_class_names(None, data.names) == {}  # a number says nothing to a text tower
    before = data.identity()
    (birds / "captions.csv").write_text("filename,caption\nowl/a.png,other\n")
    assert read_labelled(birds).identity() != before
    assert read_labelled(birds).classes == ["great_tit", "owl", "owl"]


def test_what_cannot_be_used_is_named(birds: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("filename,caption,class\nowl/a.png,x,owl\n")
    with pytest.raises(InvalidInput, match=r"2 have none, such as 'great_tit/c\.png'"):
        read_labelled(birds, table)
    table.write_text("filename,caption\nelse.png,x\n")
    with pytest.raises(InvalidInput, match=r"table\.csv must name images"):
        read_labelled(birds, table)
    Image.new("RGB", (4, 4)).save(birds / "alone.png")
    with pytest.raises(InvalidInput, match=r"'alone\.png' has none"):
        read_labelled(birds)
    names = tmp_path / "names.json"
    names.write_text('{"1": "owl"}')
    with pytest.raises(ConfigurationError, match=r"1 of 2.*'2'"):
        read_class_names(names, ["1", "2"])
    with pytest.raises(ConfigurationError, match=r"Got 'a photo'"):
        checked_templates(["a photo"])
