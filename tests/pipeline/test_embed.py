"""The embed and index stages: shards that resume, models that never mix, ids that stay."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from clip_branches.catalogue import Catalogue
from clip_branches.encoding import Encoder, Head, Quantiser
from clip_branches.engine import BoxIndex
from clip_branches.errors import ConfigurationError
from clip_branches.images import decode_image
from preprocessing.recipe import Recipe
from preprocessing.report import Summary
from preprocessing.sources.options import FolderSource
from preprocessing.stages.embed import EmbedOptions, embed_images
from preprocessing.stages.filter import filter_images
from preprocessing.stages.index import index_images
from preprocessing.workplace import Workplace
from tests.pipeline.support import everything, write_images


class Stages:
    """The stages in this process, on 50 images in shards of 16."""

    def __init__(self, folder: Path, models_dir: Path) -> None:
        self.source = folder / "source"
        self.paths = write_images(self.source, 50)
        self.work = Workplace(folder / "data", "photos")
        self.options = EmbedOptions(models_dir=models_dir, batch_size=8, shard_size=16)
        self.recipe = Recipe(title="Photos", source=FolderSource(path=self.source)).with_model("tiny")

    def filter(self) -> Summary:
        return filter_images(self.work, self.recipe, workers=1)

    def embed(self, model: str = "tiny") -> Summary:
        self.recipe = self.recipe.with_model(model)
        return embed_images(self.work, self.recipe, self.options)

    def index(self) -> Catalogue:
        index_images(self.work, self.recipe, self.options.models_dir)
        return Catalogue.open(self.work.catalogue)

    def shards(self) -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in sorted(self.work.shards.rglob("*.npy"))}


@pytest.fixture
def stages(tmp_path: Path, models_dir: Path) -> Stages:
    made = Stages(tmp_path, models_dir)
    made.filter()
    return made


def test_embeddings_are_those_of_the_encoder(stages: Stages) -> None:
    summary = stages.embed()
    assert (summary.kept, summary.processed) == (50, 50)
    catalogue = stages.index()
    segment = catalogue.segments[0]
    encoder = Encoder.load("tiny", models_dir=stages.options.models_dir)
    sources = segment.table(["source"]).column("source").to_pylist()
    images = [decode_image((stages.source / source).read_bytes()) for source in sources]
    np.testing.assert_allclose(segment.embeddings, encoder.embed_images(images), atol=2e-3)
    # The index holds the codes of exactly these rows, in this order.
    assert catalogue.encoder.head_path is not None
    head, quantiser = Head.load(catalogue.encoder.head_path), Quantiser.load(catalogue.encoder.quantiser_path)
    codes = quantiser.encode(head.project_images(np.asarray(segment.embeddings)))
    index = BoxIndex.open(segment.index_path)
    assert index.n_rows == 50
    np.testing.assert_array_equal(index.codes(np.arange(50)), codes)


def test_a_second_run_embeds_nothing(stages: Stages) -> None:
    stages.embed()
    before = stages.shards()
    assert len(before) == 4
    again = stages.embed()
    assert (again.processed, again.reused) == (0, 50)
    assert stages.shards() == before


def test_only_lost_and_damaged_shards_are_made_again(stages: Stages) -> None:
    stages.embed()
    first = stages.index()
    before = list(stages.shards())
    content = bytearray(before[1].read_bytes())
    content[-1] ^= 1
    before[1].write_bytes(bytes(content))
    before[2].with_suffix(".json").unlink()
    again = stages.embed()
    assert (again.processed, again.reused) == (32, 18)
    assert all(path in stages.shards() for path in (before[0], before[3]))
    assert everything(stages.index()) == everything(first)


def test_only_new_images_are_embedded_and_ids_stay(stages: Stages) -> None:
    stages.embed()
    first = {item["source"]: item["id"] for item in everything(stages.index())}
    assert sorted(first.values()) == list(range(1, 51))
    write_images(stages.source, 3, seed=9, suffix=".webp")
    stages.paths[0].rename(stages.source / "zz-renamed.png")
    stages.paths[7].unlink()
    stages.filter()
    assert stages.embed().processed == 3
    catalogue = stages.index()
    second = {item["source"]: item["id"] for item in everything(catalogue)}
    assert (catalogue.generation, catalogue.size) == (2, 52)
    assert second.pop("zz-renamed.png") == first.pop("0000.png")  # the same bytes are the same image
    first.pop("0007.png")
    assert {source: second[source] for source in first} == first
    assert sorted(second[f"{number:04d}.webp"] for number in range(3)) == [51, 52, 53]


def test_an_unchanged_catalogue_is_not_written_again(stages: Stages) -> None:
    stages.embed()
    assert stages.index().generation == 1
    assert stages.index().generation == 1
    stages.recipe = stages.recipe.model_copy(update={"title": "Another title"})
    assert (stages.index().generation, stages.index().title) == (2, "Another title")


def test_a_damaged_catalogue_is_written_again(stages: Stages) -> None:
    stages.embed()
    first = stages.index()
    first.segments[0].index_path.write_bytes(b"damaged")
    assert stages.index().generation == 2


def test_another_model_never_mixes_with_the_old_shards(stages: Stages) -> None:
    stages.embed("tiny")
    tiny = np.array(stages.index().segments[0].embeddings)
    assert stages.embed("other").processed == 50
    other = stages.index()
    assert other.encoder.model == "other"
    assert len(list(stages.work.shards.iterdir())) == 1
    assert not np.isclose(np.abs(tiny).sum(), np.abs(np.array(other.segments[0].embeddings)).sum(), rtol=1e-4)


def test_a_changed_model_of_the_same_name_invalidates_the_shards(stages: Stages, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    for name in ("tiny", "other"):
        (models / name).symlink_to(stages.options.models_dir / name)
    stages.options = stages.options._replace(models_dir=models)
    stages.embed()
    (models / "tiny").unlink()
    (models / "tiny").symlink_to((models / "other").resolve())
    with pytest.raises(ConfigurationError, match="as it is now"):
        stages.index()
    assert stages.embed().processed == 50


def test_a_bad_image_costs_only_itself(stages: Stages) -> None:
    stages.paths[5].unlink()
    stages.paths[6].write_text("damaged after it was checked")
    summary = stages.embed()
    assert {note.source for note in summary.dropped} == {"0005.png", "0006.png"}
    stats = json.loads(next(path for path in sorted(stages.work.shards.rglob("*.json"))).read_text())
    assert set(stats["failed"]) == {"0005.png", "0006.png"}
    assert len(stats["images"]) == 14
    catalogue = stages.index()
    assert catalogue.size == 48
    assert not {"0005.png", "0006.png"} & {item["source"] for item in everything(catalogue)}


def test_stages_in_the_wrong_order_say_what_comes_first(tmp_path: Path, models_dir: Path) -> None:
    stages = Stages(tmp_path, models_dir)
    with pytest.raises(ConfigurationError, match="preprocessing filter"):
        stages.embed()
    stages.filter()
    with pytest.raises(ConfigurationError, match="preprocessing embed"):
        stages.index()
    stages.embed()
    stages.recipe = stages.recipe.with_model("other")
    with pytest.raises(ConfigurationError, match="embed --name photos --model other"):
        stages.index()


def test_a_model_that_ships_head_and_quantiser_uses_them(stages: Stages, tmp_path: Path) -> None:
    stages.embed()
    catalogue = stages.index()
    model = tmp_path / "models" / "shipped"
    model.mkdir(parents=True)
    for file in (stages.options.models_dir / "other").iterdir():
        (model / file.name).symlink_to(file)
    assert catalogue.encoder.head_path is not None
    for name in ("head.json", "head.safetensors", "quantiser.json"):
        (model / name).write_bytes((catalogue.encoder.head_path / name).read_bytes())
    stages.options = stages.options._replace(models_dir=model.parent)
    stages.embed("shipped")
    shipped = stages.index()
    assert shipped.encoder.head_path is not None
    # 50 images say less about the range of codes than the model's own training data.
    assert shipped.encoder.quantiser_path.read_bytes() == catalogue.encoder.quantiser_path.read_bytes()
    assert (shipped.encoder.head_path / "head.safetensors").read_bytes() == (model / "head.safetensors").read_bytes()


def test_shards_carry_their_figures(stages: Stages) -> None:
    began = time.monotonic()
    stages.embed()
    elapsed = time.monotonic() - began
    for path in stages.shards():
        stats = json.loads(path.with_suffix(".json").read_text())
        rows = np.load(path)
        assert (rows.dtype, rows.shape) == (np.float16, (len(stats["images"]), 48))
        np.testing.assert_allclose(np.linalg.norm(rows.astype(np.float32), axis=1), 1, atol=5e-3)
        assert 0 < stats["seconds"] <= elapsed
        assert stats["images_per_second"] > 0
    kept = pq.read_table(stages.work.kept)
    assert kept.num_rows == 50


def test_images_that_need_no_embedding_get_none(stages: Stages) -> None:
    keys = pq.read_table(stages.work.kept).column("sha256").to_pylist()
    summary = embed_images(stages.work, stages.recipe, stages.options, without=set(keys[:30]))
    assert (summary.kept, summary.processed, summary.dropped) == (20, 20, [])


def test_bfloat16_gives_nearly_the_same_vectors(stages: Stages) -> None:
    stages.embed()
    exact = np.array(stages.index().segments[0].embeddings, np.float32)
    for path in stages.shards():
        path.unlink()
    stages.options = stages.options._replace(precision="bf16")
    assert stages.embed().processed == 50
    rough = np.array(stages.index().segments[0].embeddings, np.float32)
    assert ((rough @ exact.T).argmax(axis=1) >= 0).all()
    assert np.allclose(np.sort((rough @ exact.T).max(axis=1)), 1.0, atol=5e-3)
