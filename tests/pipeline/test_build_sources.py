"""From every kind of source to a catalogue whose images can be read, and the stages that only some sources need."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import re
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from clip_branches.catalogue import Catalogue
from clip_branches.encoding import Encoder
from clip_branches.encoding._torchvision import ensure_torchvision
from clip_branches.errors import InvalidInput
from clip_branches.settings import DataSettings
from data_service.app import create_app
from preprocessing.sources.cifar10 import pack_cifar10
from tests.pipeline.support import Preprocessing, everything, write_images
from tests.web import photo


def check_readable(catalogue: Catalogue, count: int) -> None:
    """Every item's bytes are found, packed or not, and are the ones that were looked at."""
    items = everything(catalogue)
    assert len(items) == count
    for item in items:
        content = catalogue.image_bytes(item["source"])
        assert hashlib.sha256(content).hexdigest() == item["sha256"]
        with Image.open(io.BytesIO(content)) as image:
            assert image.size == (item["width"], item["height"])


def check_served(preprocessing: Preprocessing) -> None:
    """The data service shows what is packed: the original bytes, and a thumbnail."""
    app = create_app(DataSettings(data_dir=preprocessing.data_dir))
    app.extensions["shelf"].look()
    client = app.test_client()
    item = everything(preprocessing.catalogue())[11]
    url = f"/v1/catalogues/photos/items/{item['id']}/image"
    whole, small = client.get(url), client.get(f"{url}?width=40")
    assert hashlib.sha256(whole.data).hexdigest() == item["sha256"]
    assert (small.status_code, whole.mimetype.partition("/")[0]) == (200, "image")
    app.extensions["shelf"].stop()


def test_webdataset_tars_become_a_catalogue(preprocessing: Preprocessing, tmp_path: Path) -> None:
    folder = tmp_path / "tars"
    folder.mkdir()
    for shard in range(2):
        with tarfile.open(folder / f"{shard:05d}.tar", "w") as tar:
            for row in range(20):
                files = {"jpg": photo(100 * shard + row), "txt": f"caption {shard} {row}".encode()}
                for ending, content in files.items():
                    member = tarfile.TarInfo(f"{shard:05d}{row:04d}.{ending}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
    output = preprocessing.build(folder, "--workers", 2)
    assert "filter: 40 kept, 0 dropped" in output
    check_readable(preprocessing.catalogue(), 40)
    assert everything(preprocessing.catalogue())[25]["caption"] == "caption 1 5"
    check_served(preprocessing)
    assert "40 taken over from an earlier run" in preprocessing.build(folder)


def test_a_hugging_face_folder_becomes_a_catalogue(preprocessing: Preprocessing, tmp_path: Path) -> None:
    folder = tmp_path / "dataset"
    folder.mkdir()
    rows = [{"image": {"bytes": photo(n, kind="PNG"), "path": None}, "text": f"number {n}"} for n in range(30)]
    rows[3]["image"] = {"bytes": b"not an image", "path": None}
    pq.write_table(pa.Table.from_pylist(rows), folder / "train-0.parquet", row_group_size=8)
    output = preprocessing.build(folder)
    assert "filter: 29 kept, 1 dropped (undecodable 1)" in output
    check_readable(preprocessing.catalogue(), 29)
    check_served(preprocessing)
    assert {item["caption"] for item in everything(preprocessing.catalogue())} >= {"number 0", "number 29"}
    dropped = pq.read_table(preprocessing.work() / "dropped.parquet").to_pylist()
    assert dropped[0]["source"] == "train-0.parquet#image@3"


class Embedded:
    """Images, and their embeddings by the tiny model as clip-retrieval would keep them."""

    def __init__(self, folder: Path, models_dir: Path, count: int = 40) -> None:
        self.images = folder / "images"
        paths = write_images(self.images, count)
        pictures = []
        for path in paths:
            with Image.open(path) as image:
                pictures.append(image.convert("RGB"))
        self.vectors = Encoder.load("tiny", models_dir=models_dir).embed_images(pictures)
        self.folder = folder / "embeddings"
        (self.folder / "img_emb").mkdir(parents=True)
        (self.folder / "metadata").mkdir()
        for number, rows in enumerate(np.array_split(np.arange(count), 3)):
            # Not of unit length: what others keep need not be.
            np.save(self.folder / "img_emb" / f"img_emb_{number}.npy", (3 * self.vectors[rows]).astype(np.float16))
            names = [paths[row].name for row in rows]
            table = pa.table({"image_path": names, "caption": [f"a caption of {name}" for name in names]})
            pq.write_table(table, self.folder / "metadata" / f"metadata_{number}.parquet")


def test_embeddings_are_imported_and_no_image_is_encoded(preprocessing: Preprocessing, tmp_path: Path) -> None:
    made = Embedded(tmp_path, preprocessing.models_dir)
    (made.images / "0007.png").unlink()  # its embedding is still worth having
    output = preprocessing.build(made.folder, "--images", made.images)
    assert "filter: 40 kept, 0 dropped" in output
    catalogue = preprocessing.catalogue()
    items = {item["source"]: item for item in everything(catalogue)}
    rows = {item["metadata"]["key"]: item for item in items.values()}
    segment = catalogue.segments[0]
    assert segment.embeddings is not None
    keys = segment.table(["key"]).column("key").to_pylist()
    order = [int(key) for key in keys]
    np.testing.assert_allclose(segment.embeddings, made.vectors[order], atol=2e-3)
    assert (rows["5"]["source"], rows["5"]["width"]) == ("0005.png", 40)
    assert (rows["7"]["source"], rows["7"]["width"]) == ("0007.png", 1)
    assert hashlib.sha256(catalogue.image_bytes("0005.png")).hexdigest() == rows["5"]["sha256"]
    assert not re.search(r"\b0 images a second", output)
    assert "taken over" in preprocessing.build(made.folder, "--images", made.images)


def test_embeddings_of_another_width_are_refused(preprocessing: Preprocessing, tmp_path: Path) -> None:
    folder = tmp_path / "older"
    folder.mkdir()
    np.save(folder / "features.npy", np.random.default_rng(0).normal(size=(5, 512)).astype(np.float32))
    (folder / "photo_ids.csv").write_text("photo_id\na\nb\nc\nd\ne\n")
    output = " ".join(preprocessing.build(folder, status=2).split())
    assert "must be those of the model 'tiny', 48 wide. Got 512 instead; name the model that made them" in output


def write_cifar10(root: Path) -> type:
    """CIFAR-10 as torchvision keeps it, with 20 images a file; and torchvision's class with their checksums."""
    ensure_torchvision()
    from torchvision.datasets import CIFAR10

    folder = root / CIFAR10.base_folder
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)

    def write(name: str, content: dict[str, object]) -> list[str]:
        (folder / name).write_bytes(pickle.dumps(content))
        return [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]

    lists = [
        write(name, {"data": generator.integers(0, 256, (20, 3072), dtype=np.uint8), "labels": list(range(10)) * 2})
        for name, _ in [*CIFAR10.train_list, *CIFAR10.test_list]
    ]
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    filename, md5 = write("batches.meta", {"label_names": names})
    meta = {"filename": filename, "key": "label_names", "md5": md5}
    return type("Small", (CIFAR10,), {"train_list": lists[:5], "test_list": lists[5:], "meta": meta})


def test_cifar_10_is_packed_once(tmp_path: Path) -> None:
    dataset = write_cifar10(tmp_path / "torchvision")
    root = tmp_path / "data" / "sources" / "cifar"
    assert pack_cifar10(tmp_path / "torchvision", root, download=False, dataset=dataset) == 120
    assert pack_cifar10(tmp_path / "torchvision", root, download=False, dataset=dataset) == 0
    rows = pq.read_table(root / "test.parquet").to_pylist()
    assert [row["caption"] for row in rows[:3]] == ["airplane", "automobile", "bird"]
    picture, label = dataset(str(tmp_path / "torchvision"), train=False)[7]
    with Image.open(io.BytesIO(rows[7]["image"]["bytes"])) as image:
        assert np.array_equal(np.asarray(image), np.asarray(picture))
    assert rows[7]["caption"] == dataset(str(tmp_path / "torchvision")).classes[label]
    (tmp_path / "torchvision" / "cifar-10-batches-py" / "test_batch").write_bytes(b"altered")
    with pytest.raises(InvalidInput, match="as torchvision keeps it"):
        pack_cifar10(tmp_path / "torchvision", tmp_path / "other", download=False, dataset=dataset)


def test_cifar_10_becomes_a_catalogue(preprocessing: Preprocessing, tmp_path: Path) -> None:
    dataset = write_cifar10(tmp_path / "torchvision")
    pack_cifar10(
        tmp_path / "torchvision", preprocessing.data_dir / "sources" / "photos", download=False, dataset=dataset
    )
    output = preprocessing.build(tmp_path / "torchvision", "--split", "test")
    assert "filter: 20 kept" in output
    check_readable(preprocessing.catalogue(), 20)
    assert everything(preprocessing.catalogue())[0]["metadata"]["split"] == "test"


def test_what_looks_like_a_text_is_dropped_and_taken_back(preprocessing: Preprocessing, tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_images(source, 30)
    preprocessing.build(source, "--drop-text", "watermark", "--text-threshold", 0.999999)
    work = preprocessing.work()
    told = pq.read_table(work / "screened.parquet")
    assert told.column_names == ["source", "sha256", "text", "probability", "threshold", "dropped"]
    middle = float(np.median(told.column("probability").to_numpy()))
    output = preprocessing.build(source, "--drop-text", "watermark", "--text-threshold", middle)
    refused = [row for row in pq.read_table(work / "dropped.parquet").to_pylist() if "looks like" in row["reason"]]
    assert 10 <= len(refused) <= 20
    assert refused[0]["reason"] == "looks like 'watermark'"
    assert f"dropped from {middle:.2f} on" in refused[0]["detail"]
    assert "(5, 50, 95 % of images)" in output
    assert preprocessing.catalogue().size == 30 - len(refused)
    assert "30 taken over" in output  # no image was embedded again
    alone = preprocessing("screen", "--name", "photos", "--text-threshold", 0.999999)
    assert "screen: 30 kept, 0 dropped" in alone
    output = preprocessing.build(source)
    assert preprocessing.catalogue().size == 30
    assert "looks like" not in output
    assert not (work / "screened.parquet").exists()
    everyone = " ".join(preprocessing.build(source, "--drop-text", "x", "--text-threshold", 1e-9, status=2).split())
    assert "must leave an image at a threshold of 1e-09" in everyone


def test_a_recipe_says_what_the_source_was(preprocessing: Preprocessing, tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_images(source, 12)
    preprocessing.build(source, "--near-duplicates", "group", "--max-aspect", 2)
    recipe = preprocessing.catalogue().manifest.recipe
    assert recipe is not None
    assert json.loads(json.dumps(recipe))["source"]["kind"] == "folder"
    filters = recipe["filters"]
    assert isinstance(filters, dict)
    assert (filters["near_duplicates"], filters["max_aspect"]) == ("group", 2.0)
