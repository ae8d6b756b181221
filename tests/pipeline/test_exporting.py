"""Catalogues written for other programs, and read back as those programs read them."""

from __future__ import annotations

import csv
import json
import tarfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from clip_branches.encoding import Quantiser
from clip_branches.engine import CatalogueEngine
from tests.pipeline.support import Preprocessing, everything, write_images

ONE = ("--workers", 1, "--threads", 1)
COUNT = 27


@pytest.fixture
def grown(preprocessing: Preprocessing, tmp_path: Path) -> Preprocessing:
    """27 images in two segments: three were deleted, one lost its file after it was added."""
    source = tmp_path / "source"
    write_images(source, 24)
    for number in range(0, 24, 2):
        (source / f"{number:04d}.txt").write_text(f'picture "{number}", größe')
    preprocessing.build(source, *ONE)
    write_images(source, 6, seed=4, suffix=".webp")
    preprocessing("add", "photos", *ONE)
    preprocessing("delete", "photos", "--id", 2, "--id", 5, "--id", 26)
    return preprocessing


def test_parquet_with_codes_and_embeddings(grown: Preprocessing, tmp_path: Path) -> None:
    grown("export", "photos", tmp_path / "out.parquet", "--codes", "--embeddings")
    table = pq.read_table(tmp_path / "out.parquet")
    catalogue = grown.catalogue()
    ids = table.column("id").to_pylist()
    assert sorted(ids) == [item["id"] for item in sorted(everything(catalogue), key=lambda item: item["id"])]
    engine = CatalogueEngine.open(catalogue, Quantiser.load(catalogue.encoder.quantiser_path))
    assert np.array_equal(np.array(table.column("code").to_pylist(), np.uint8), engine.codes_of(ids))
    embeddings = np.array(table.column("embedding").to_pylist(), np.float32)
    assert embeddings.shape == (COUNT, 48)
    assert np.allclose(np.linalg.norm(embeddings, axis=1), 1, atol=2e-3)


def test_csv(grown: Preprocessing, tmp_path: Path) -> None:
    grown("export", "photos", tmp_path / "out.csv", "--format", "csv")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    items = {str(item["id"]): item for item in everything(grown.catalogue())}
    assert {row["id"] for row in rows} == set(items)
    assert {(row["source"], row["caption"] or None) for row in rows} == {
        (item["source"], item["caption"]) for item in items.values()
    }


def test_webdataset_in_the_layout_of_img2dataset(grown: Preprocessing, tmp_path: Path) -> None:
    root = grown.catalogue().image_root
    (root / "0009.png").unlink()
    output = grown("export", "photos", tmp_path / "shards", "--format", "webdataset", "--per-shard", 10)
    assert "export: 26 kept, 1 dropped (image not there 1)" in output
    assert sorted(path.name for path in (tmp_path / "shards").iterdir()) == [
        f"0000{number}{suffix}" for number in range(3) for suffix in (".parquet", ".tar", "_stats.json")
    ]
    by_source = {item["source"]: item for item in everything(grown.catalogue())}
    seen = set()
    for number in range(3):
        rows = {row["key"]: row for row in pq.read_table(tmp_path / "shards" / f"0000{number}.parquet").to_pylist()}
        with tarfile.open(tmp_path / "shards" / f"0000{number}.tar") as tar:
            for member in tar:
                key, _, suffix = member.name.partition(".")
                content = tar.extractfile(member).read()  # type: ignore[union-attr]
                item = by_source[rows[key]["url"]]
                if suffix == "txt":
                    assert content.decode() == item["caption"]
                elif suffix == "json":
                    assert json.loads(content)["sha256"] == item["sha256"]
                else:
                    assert content == (root / item["source"]).read_bytes()
                    seen.add(item["source"])
        stats = json.loads((tmp_path / "shards" / f"0000{number}_stats.json").read_text())
        assert stats["count"] == len(rows)
        assert stats["successes"] == sum(row["status"] == "success" for row in rows.values())
    assert seen == set(by_source) - {"0009.png"}


def test_clip_retrieval(grown: Preprocessing, tmp_path: Path) -> None:
    grown("export", "photos", tmp_path / "out", "--format", "clip-retrieval", "--per-shard", 10)
    names = {"img_emb": "npy", "text_emb": "npy", "metadata": "parquet"}
    files = {name: sorted((tmp_path / "out" / name).iterdir()) for name in names}
    assert {name: [path.name for path in paths] for name, paths in files.items()} == {
        name: [f"{name}_{number}.{suffix}" for number in range(3)] for name, suffix in names.items()
    }
    catalogue = grown.catalogue()
    kept = {int(item): row for part in catalogue.segments for item, row in zip(part.ids, part.embeddings, strict=True)}
    rows = 0
    for images, texts, metadata in zip(files["img_emb"], files["text_emb"], files["metadata"], strict=True):
        image, text, table = np.load(images), np.load(texts), pq.read_table(metadata)
        assert image.shape == text.shape == (table.num_rows, 48)
        assert np.allclose(np.linalg.norm(text.astype(np.float32), axis=1), 1, atol=2e-3)
        for row, item in zip(image, table.to_pylist(), strict=True):
            assert np.allclose(row.astype(np.float32), kept[item["id"]].astype(np.float32), atol=2e-3)
            assert Path(item["image_path"]).is_file()
        rows += table.num_rows
    assert rows == COUNT


def test_what_cannot_be_exported_leaves_nothing(grown: Preprocessing, tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_text("mine")
    for arguments, message in (
        ((tmp_path / "there.csv", "--format", "csv"), "must be new"),
        ((tmp_path / "out.csv", "--format", "csv", "--codes"), "can be columns of parquet"),
    ):
        output = grown("export", "photos", *arguments, status=2)
        assert message in output
    (next((grown.catalogue().path / "segments").iterdir()) / "embeddings.npy").write_bytes(b"x")
    assert "embeddings.npy" in grown("export", "photos", tmp_path / "out", "--format", "clip-retrieval", status=1)
    assert (tmp_path / "there.csv").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "source", "there.csv"]
