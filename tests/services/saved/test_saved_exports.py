"""Answers and collections as files: every format read back by the library that others read it with."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient
from PIL import Image

from clip_branches.catalogue import Catalogue
from search_service.exporting import Export, Group, written
from tests.many import build_many
from tests.services.conftest import NAME
from tests.services.saved.conftest import good, refined, save, search

FORMATS = ("csv", "json", "parquet", "coco", "zip", "webdataset", "recipe")


def file_of(web: FlaskClient, path: str, form: str) -> bytes:
    answer = web.get(f"{path}/export", query_string={"format": form})
    assert answer.status_code == 200, answer.text
    assert "attachment" in answer.headers["Content-Disposition"]
    return answer.data


@pytest.fixture
def answer(web: FlaskClient) -> dict[str, Any]:
    return refined(web)


@pytest.fixture(params=["result", "saved"])
def path(request: pytest.FixtureRequest, web: FlaskClient, answer: dict[str, Any]) -> str:
    """Where an answer is exported from: as it is, and as it was saved."""
    if request.param == "result":
        return f"/api/catalogues/{NAME}/results/{answer['result_set']}"
    return f"/api/saved/searches/{save(web, answer, 'Reds, “1”')['id']}"


@pytest.fixture
def expected(web: FlaskClient, answer: dict[str, Any]) -> list[dict[str, Any]]:
    """id and score of every image of the answer, best first."""
    page = good(web.get(f"/api/catalogues/{NAME}/results/{answer['result_set']}?limit=1000"))
    assert page["total"] == answer["total"] > 4
    return list(page["hits"])


def labels_of(web: FlaskClient, answer: dict[str, Any]) -> dict[int, str]:
    recipe = json.loads(file_of(web, f"/api/catalogues/{NAME}/results/{answer['result_set']}", "recipe"))
    query = recipe["query"]
    return dict.fromkeys(query["positive"], "right") | dict.fromkeys(query["negative"], "wrong")


def test_every_format_holds_the_same(
    web: FlaskClient, answer: dict[str, Any], path: str, expected: list[dict[str, Any]]
) -> None:
    labels = labels_of(web, answer)
    ids, scores = [hit["id"] for hit in expected], [hit["score"] for hit in expected]
    told = [labels.get(item) for item in ids]

    rows = list(csv.DictReader(io.StringIO(file_of(web, path, "csv").decode())))
    assert [int(row["id"]) for row in rows] == ids
    assert [row["label"] or None for row in rows] == told
    assert [float(row["score"]) for row in rows] == pytest.approx(scores, abs=1e-5)

    images = json.loads(file_of(web, path, "json"))
    assert [image["id"] for image in images["images"]] == ids
    recipe = images["recipe"]

    table = pq.read_table(io.BytesIO(file_of(web, path, "parquet")))
    assert table.column("id").to_pylist() == ids
    assert table.column("label").to_pylist() == told
    assert table.column("score").to_pylist() == pytest.approx(scores, abs=1e-5)
    assert json.loads(table.schema.metadata[b"clip-branches-recipe"]) == recipe

    coco = json.loads(file_of(web, path, "coco"))
    assert [image["id"] for image in coco["images"]] == ids
    assert [one["image_id"] for one in coco["annotations"]] == [item for item in ids if labels.get(item) != "wrong"]
    assert {one["by"] for one in coco["annotations"] if one["image_id"] in labels} <= {"person"}
    assert all(one["bbox"] == [0, 0, 400, 400] and one["category_id"] == 1 for one in coco["annotations"])
    assert coco["info"]["recipe"] == recipe
    assert json.loads(file_of(web, path, "recipe")) == recipe


def test_the_recipe_gives_the_same_answer_again(web: FlaskClient, answer: dict[str, Any], path: str) -> None:
    recipe = json.loads(file_of(web, path, "recipe"))
    assert recipe["generation"] == answer["generation"]
    assert recipe["encoder"]["model"] == "tiny"
    assert recipe["sql"]
    assert recipe["boxes"]
    query = {key: recipe["query"][key] for key in ("text", "positive", "negative", "model", "seed")}
    assert search(web, **query)["result_set"] == recipe["result_set"] == answer["result_set"]


def test_a_zip_and_a_tar_hold_the_images(
    web: FlaskClient, path: str, expected: list[dict[str, Any]], noise_data: Path
) -> None:
    catalogue = Catalogue.open(noise_data / "catalogues" / NAME)
    ids = [hit["id"] for hit in expected]
    digests = {item["id"]: item["sha256"] for item in catalogue.items(ids)[0]}
    with zipfile.ZipFile(io.BytesIO(file_of(web, path, "zip"))) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names[-2:] == ["images.csv", "recipe.json"]
        assert names[:-2] == [f"images/{item}.png" for item in ids]
        for item in ids:
            assert hashlib.sha256(archive.read(f"images/{item}.png")).hexdigest() == digests[item]
        assert len(archive.read("images.csv").splitlines()) == len(ids) + 1
    with tarfile.open(fileobj=io.BytesIO(file_of(web, path, "webdataset"))) as archive:
        assert json.loads(archive.pax_headers["comment"])["exported"] == len(ids)
        names = archive.getnames()
        assert names[:3] == ["000000000.png", "000000000.txt", "000000000.json"]
        assert len(names) == 3 * len(ids)
        for rank, item in enumerate(ids):
            told = json.load(archive.extractfile(f"{rank:09d}.json"))  # type: ignore[arg-type]
            assert told["id"] == item
            content = archive.extractfile(f"{rank:09d}.png").read()  # type: ignore[union-attr]
            assert hashlib.sha256(content).hexdigest() == digests[item]


def test_a_collection_has_a_label_for_each_saved_search(web: FlaskClient, answer: dict[str, Any]) -> None:
    reds, ranked = save(web, answer, "reds"), save(web, search(web, text="x"), "all | of them")
    expression = {"or": [{"search": reds["id"]}, {"search": ranked["id"]}]}
    made = good(web.post("/api/saved/collections", json={"name": "both", "expression": expression}), 201)
    path = f"/api/saved/collections/{made['id']}"
    inside = {hit["id"] for hit in good(web.get(f"/api/saved/searches/{reds['id']}/items?limit=1000"))["hits"]}
    labels = labels_of(web, answer)
    images = json.loads(file_of(web, path, "json"))["images"]
    assert len(images) == made["total"]
    for image in images:
        assert image["searches"] == (["reds"] if image["id"] in inside else []) + ["all | of them"]
        label = labels.get(image["id"])
        assert image["label"] == (f"reds: {label}" if label else None)
    coco = json.loads(file_of(web, path, "coco"))
    assert [category["name"] for category in coco["categories"]] == ["reds", "all | of them"]
    first = {one["image_id"] for one in coco["annotations"] if one["category_id"] == 1}
    assert first == inside - {item for item, label in labels.items() if label == "wrong"}
    table = pq.read_table(io.BytesIO(file_of(web, path, "parquet")))
    assert table.column("searches").to_pylist() == [image["searches"] for image in images]
    recipe = json.loads(file_of(web, path, "recipe"))
    assert recipe["expression"] == expression
    assert recipe["searches"][reds["id"]]["recipe"]["result_set"] == answer["result_set"]
    for form in FORMATS:
        assert file_of(web, path, form)


def test_an_image_that_is_gone_is_told(noise_data: Path, own_data: Path) -> None:
    catalogue = Catalogue.open(own_data / "catalogues" / NAME)
    source = Path(catalogue.image_root)
    ids = catalogue.segments[0].ids[:5]
    items = {item["id"]: item for item in catalogue.items(ids)[0]}
    moved, other = (source / items[int(item)]["source"] for item in ids[:2])
    content = {path: path.read_bytes() for path in (moved, other)}
    try:
        moved.unlink()
        Image.new("RGB", (9, 9)).save(other)
        listed = np.append(ids, np.uint64(999_999))
        export = Export(catalogue, "x", listed, None, None, [Group("x", frozenset(), frozenset())], None, {})
        with zipfile.ZipFile(io.BytesIO(b"".join(written(export, "zip").pieces))) as archive:
            missing = list(csv.DictReader(io.StringIO(archive.read("missing.csv").decode())))
        assert [int(row["id"]) for row in missing] == [*ids[:2].tolist(), 999_999]
        assert [row["reason"].split(":")[0] for row in missing] == [
            "the file cannot be read",
            "the file was changed since the catalogue was built",
            "deleted from the catalogue",
        ]
        with tarfile.open(fileobj=io.BytesIO(b"".join(written(export, "webdataset").pieces))) as tar:
            assert len([name for name in tar.getnames() if name.endswith(".png")]) == 3
            assert tar.getnames()[-1] == "__missing__/missing.csv"
            told = tar.extractfile("__missing__/missing.csv").read().decode()  # type: ignore[union-attr]
            assert list(csv.DictReader(io.StringIO(told))) == missing
        for form in ("csv", "json", "parquet", "coco"):
            assert b"".join(written(export, form).pieces)  # type: ignore[arg-type]
    finally:
        for path, kept in content.items():
            path.write_bytes(kept)


@pytest.fixture(scope="module")
def many(noise_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    folder = tmp_path_factory.mktemp("many")
    build_many(folder, noise_data / "catalogues" / NAME)
    return Catalogue.open(folder / "catalogues" / "many")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "count"),
    [
        ("csv", 100_000),
        ("json", 100_000),
        ("parquet", 100_000),
        ("coco", 100_000),
        ("webdataset", 30_000),
        ("zip", 30_000),
    ],
)
def test_many_images_take_no_more_memory_than_a_few(many: Catalogue, form: Any, count: int) -> None:
    ids = np.concatenate([segment.ids for segment in many.segments])

    def resident(listed: Any) -> tuple[int, int]:
        """(most memory held while writing, bytes written)."""
        groups = [Group("x", frozenset(listed[:9].tolist()), frozenset())]
        export = Export(many, "x", listed, np.zeros(len(listed), np.float32), None, groups, None, {})
        most = total = 0
        for piece in written(export, form).pieces:
            assert len(piece) < 2_000_000
            most, total = max(most, _resident_bytes()), total + len(piece)
        return most, total

    few, _ = resident(ids[:2_000])
    all_of_them, total = resident(ids[:count])
    assert total > (500_000 if form == "parquet" else 8_000_000)
    # A zip ends with a directory of all its files, so it knows them all: 1 kB each.
    assert all_of_them - few < (60_000_000 if form == "zip" else 25_000_000)


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
