"""CIRR and FashionIQ on the real annotation files, with made-up vectors, against a slow and obvious twin."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from clip_branches.errors import ConfigurationError, DamagedFile, InvalidInput
from preprocessing.cli import main
from preprocessing.evaluating.cirr import cirr_metrics, rank_cirr, read_cirr
from preprocessing.evaluating.fashioniq import fashioniq_metrics, fashioniq_ranks, read_fashioniq
from preprocessing.evaluating.submission import check_submission, write_submissions
from preprocessing.evaluating.vectors import read_vectors

ARCHIVE = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "cir_annotations.zip"


@pytest.fixture(scope="module")
def annotations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not ARCHIVE.exists():
        pytest.skip(f"the annotation files of CIRR and FashionIQ are not at {ARCHIVE}")
    folder = tmp_path_factory.mktemp("cir")
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(folder)
    return folder


def made_vectors(count: int, seed: int, width: int = 16) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def slow_order(query: np.ndarray, gallery: np.ndarray, names: list[str]) -> list[str]:
    """All names, most alike first, one by one."""
    scores = (gallery @ query).tolist()
    places = sorted(range(len(names)), key=lambda at: (-scores[at], at))
    return [names[at] for at in places]


def near_target(targets: list[str], names: list[str], gallery: np.ndarray, seed: int) -> np.ndarray:
    place = {name: at for at, name in enumerate(names)}
    noise = made_vectors(len(targets), seed)
    rows = gallery[[place[name] for name in targets]] + 1.3 * noise
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_cirr_counts_and_metrics_are_those_of_a_slow_twin(annotations: Path) -> None:
    data = read_cirr(annotations / "cirr", "val")
    names = list(data.images)
    assert (len(data.pairs), len(names)) == (4_181, 2_297)
    gallery = made_vectors(len(names), 0)
    queries = near_target([pair.target or "" for pair in data.pairs], names, gallery, 1)
    found = cirr_metrics(rank_cirr(data, queries, gallery, names))

    raw = json.loads((annotations / "cirr/captions/cap.rc2.val.json").read_text())
    hits = dict.fromkeys(["R@1", "R@5", "R@10", "R@50", "Rs@1", "Rs@2", "Rs@3"], 0)
    # A slow ranking of every tenth pair is enough to tell a wrong protocol.
    for at in range(0, len(raw), 10):
        order = slow_order(queries[at], gallery, names)
        order.remove(raw[at]["reference"])
        group = [name for name in order if name in raw[at]["img_set"]["members"]]
        for limit in (1, 5, 10, 50):
            hits[f"R@{limit}"] += raw[at]["target_hard"] in order[:limit]
        for limit in (1, 2, 3):
            hits[f"Rs@{limit}"] += raw[at]["target_hard"] in group[:limit]
    tenth = type(data)("val", data.pairs[::10], data.images)
    expected = {name: round(100 * count / len(tenth.pairs), 2) for name, count in hits.items()}
    part = cirr_metrics(rank_cirr(tenth, queries[::10], gallery, names))
    assert {name: part[name] for name in expected} == expected
    assert part["(R@5 + Rs@1) / 2"] == pytest.approx((part["R@5"] + part["Rs@1"]) / 2, abs=0.011)
    assert 5 < found["R@1"] < found["R@5"] < found["R@10"] < found["R@50"] <= 100
    assert found["Rs@1"] < found["Rs@2"] < found["Rs@3"]


def test_the_secret_split_gives_two_files_that_the_server_takes(annotations: Path, tmp_path: Path) -> None:
    data = read_cirr(annotations / "cirr", "test1")
    names = list(data.images)
    assert (len(data.pairs), len(names)) == (4_148, 2_315)
    gallery = made_vectors(len(names), 2)
    ranking = rank_cirr(data, made_vectors(len(data.pairs), 3), gallery, names)
    assert cirr_metrics(ranking) == {}
    files = write_submissions(data, ranking, tmp_path)
    for metric, length in (("recall", 50), ("recall_subset", 3)):
        content = json.loads(files[metric].read_text())
        assert content["version"] == "rc2"
        assert content["metric"] == metric
        assert len(content) == len(data.pairs) + 2
        assert files[metric].stat().st_size <= 5 * 1024 * 1024
        for pair in data.pairs:
            assert len(set(content[str(pair.pairid)])) == length
            assert pair.reference not in content[str(pair.pairid)]
        check_submission(content, data)


def test_a_submission_that_the_server_would_refuse_is_refused(annotations: Path, tmp_path: Path) -> None:
    data = read_cirr(annotations / "cirr", "test1")
    names = list(data.images)
    ranking = rank_cirr(data, made_vectors(len(data.pairs), 3), made_vectors(len(names), 2), names)
    content = json.loads(write_submissions(data, ranking, tmp_path)["recall_subset"].read_text())
    pair = data.pairs[0]
    first = str(pair.pairid)
    outside = next(name for name in names if name not in pair.members)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"version": "rc1"}, "rc2"),
        ({"metric": "precision"}, "metric"),
        ({first: content[first][:2]}, "3 different names"),
        ({first: [content[first][0]] * 3}, "3 different names"),
        ({first: [pair.reference, *content[first][:2]]}, "reference"),
        ({first: [outside, *content[first][:2]]}, "its group"),
        ({"999999999": content[first]}, "surplus"),
    ]
    for change, message in wrong:
        with pytest.raises(InvalidInput, match=message):
            check_submission({**content, **change}, data)
    with pytest.raises(InvalidInput, match="Missing"):
        check_submission({key: value for key, value in content.items() if key != first}, data)


@pytest.mark.parametrize(("category", "pairs", "images"), [("dress", 2_017, 3_817), ("shirt", 2_038, 6_346)])
def test_fashioniq_keeps_the_reference_and_ranks_the_category(
    annotations: Path, category: Any, pairs: int, images: int
) -> None:
    data = read_fashioniq(annotations / "fashion-iq", category)
    assert (len(data.pairs), len(data.images)) == (pairs, images)
    gallery = made_vectors(len(data.images), 4)
    queries = near_target([pair.target or "" for pair in data.pairs], data.images, gallery, 5)
    # Every twentieth query is its own reference: it must come first, and count.
    place = {name: at for at, name in enumerate(data.images)}
    queries[::20] = gallery[[place[pair.candidate] for pair in data.pairs[::20]]]
    chosen = slice(0, 400)
    part = type(data)(category, data.pairs[chosen], data.images)
    ranks = fashioniq_ranks(part, queries[chosen], gallery, data.images)
    slow = [
        slow_order(query, gallery, data.images).index(pair.target or "")
        for query, pair in zip(queries[chosen][::10], part.pairs[::10], strict=True)
    ]
    assert ranks[::10].tolist() == slow
    assert (ranks[::20] > 0).all()


def test_fashioniq_averages_over_the_categories_and_joins_the_captions(annotations: Path) -> None:
    ranks = {"dress": np.array([0, 9, 10, 60]), "shirt": np.array([0, 49]), "toptee": np.array([100])}
    assert fashioniq_metrics(ranks) == {  # type: ignore[arg-type]
        "dress": {"R@10": 50.0, "R@50": 75.0, "mean": 62.5},
        "shirt": {"R@10": 50.0, "R@50": 100.0, "mean": 75.0},
        "toptee": {"R@10": 0.0, "R@50": 0.0, "mean": 0.0},
        "average": {"R@10": 33.33, "R@50": 58.33, "mean": 45.83},
    }
    first = read_fashioniq(annotations / "fashion-iq", "dress").pairs[0]
    assert first.caption == "is shiny and silver with shorter sleeves and fit and flare"


def small_cirr(folder: Path) -> list[str]:
    """Two groups of six images and four pairs, in the published layout, with real pictures."""
    (folder / "captions").mkdir(parents=True)
    (folder / "image_splits").mkdir()
    (folder / "pictures/dev").mkdir(parents=True)
    names = [f"dev-{number}-0-img0" for number in range(12)]
    generator = np.random.default_rng(0)
    for name in names:
        Image.fromarray(generator.integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(
            folder / f"pictures/dev/{name}.png"
        )
    pairs = [
        {
            "pairid": at,
            "reference": names[6 * (at // 2) + at % 2],
            "target_hard": names[6 * (at // 2) + 3],
            "caption": "a red boat",
            "img_set": {"id": at // 2, "members": names[6 * (at // 2) : 6 * (at // 2) + 6]},
        }
        for at in range(4)
    ]
    (folder / "captions/cap.rc2.val.json").write_text(json.dumps(pairs))
    (folder / "image_splits/split.rc2.val.json").write_text(json.dumps({name: f"./dev/{name}.png" for name in names}))
    return names


def test_the_command_embeds_images_ranks_them_and_keeps_the_figures(tmp_path: Path) -> None:
    names = small_cirr(tmp_path)
    out = tmp_path / "out"
    command = ["evaluate", "cirr", "--annotations", str(tmp_path), "--method", "slerp"]
    result = CliRunner().invoke(main, [*command, "--images", str(tmp_path / "pictures"), "--output", str(out)])
    # Twelve images cannot fill the fifty names that the server wants: that is said, and nothing is written.
    assert result.exit_code == 2, result.output
    assert "50 different names" in result.output
    assert list(out.iterdir()) == []

    result = CliRunner().invoke(main, [*command, "--images", str(tmp_path / "pictures")])
    assert result.exit_code == 0, result.output
    assert "4 pairs, 12 images, method slerp" in result.output

    file = tmp_path / "vectors.npz"
    gallery = made_vectors(12, 0)
    np.savez(file, names=np.array(names), images=gallery, queries=gallery[[3, 3, 9, 9]])
    result = CliRunner().invoke(main, [*command, "--embeddings", str(file)])
    assert result.exit_code == 0, result.output
    assert "composed elsewhere" in result.output
    assert result.output.count("100.00") == 8


def test_what_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    names = small_cirr(tmp_path)
    with pytest.raises(ConfigurationError, match=r"cap\.rc2\.test1"):
        read_cirr(tmp_path, "test1")
    (tmp_path / f"pictures/dev/{names[4]}.png").unlink()
    arguments = ["evaluate", "cirr", "--annotations", str(tmp_path)]
    missing = CliRunner().invoke(main, [*arguments, "--images", str(tmp_path / "pictures")])
    assert missing.exit_code == 2
    assert names[4] in missing.output
    neither = CliRunner().invoke(main, arguments)
    assert neither.exit_code == 2
    assert "--embeddings" in neither.output
    (tmp_path / "captions/cap.rc2.val.json").write_text('[{"pairid": 1}]')
    with pytest.raises(DamagedFile, match="Entry 0"):
        read_cirr(tmp_path, "val")


@pytest.mark.parametrize(
    "arrays",
    [
        {"names": np.array(["a", "b"])},
        {"names": np.array(["a", "a"]), "images": np.eye(2, dtype=np.float32)},
        {"names": np.array(["a"]), "images": np.full((1, 4), np.nan, np.float32)},
        {"names": np.array(["a"]), "images": np.ones((1, 4), np.float32), "texts": np.ones((1, 3), np.float32)},
    ],
)
def test_embeddings_that_cannot_be_used_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    file = io.BytesIO()
    np.savez(file, **arrays)
    (tmp_path / "vectors.npz").write_bytes(file.getvalue())
    with pytest.raises(DamagedFile, match=r"vectors\.npz"):
        read_vectors(tmp_path / "vectors.npz")
