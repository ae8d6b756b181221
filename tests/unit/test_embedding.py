"""The parts of the embedding stage: halves of a preparation, batches, shards, devices."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from clip_branches.encoding._torchvision import ensure_torchvision
from clip_branches.errors import ConfigurationError, InvalidInput
from preprocessing.decoding import ImageReader, bytes_reader
from preprocessing.devices import choose_device, choose_precision
from preprocessing.embedding import ShardCutter, read_batches
from preprocessing.preparation import Preparation
from preprocessing.shards import Shards
from preprocessing.towers import Batch, BatchEmbedder

ensure_torchvision()

from open_clip.transform import PreprocessCfg, image_transform_v2  # noqa: E402

CPU = torch.device("cpu")


def pictures(count: int) -> list[Image.Image]:
    generator = np.random.default_rng(0)
    sizes = [(40, 30), (32, 32), (17, 64), (300, 200), (5, 90)]
    return [Image.fromarray(generator.integers(0, 256, (*sizes[n % 5], 3), dtype=np.uint8)) for n in range(count)]


@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_two_halves_give_the_very_tensors_of_the_whole(mode: str, interpolation: str) -> None:
    whole = image_transform_v2(
        PreprocessCfg(size=32, resize_mode=mode, interpolation=interpolation, mean=(0.1, 0.5, 0.7)), is_train=False
    )
    preparation = Preparation(whole)
    pixels = [preparation.pixels(picture) for picture in pictures(10)]
    assert {(tensor.dtype, tuple(tensor.shape)) for tensor in pixels} == {(torch.uint8, (32, 32, 3))}
    inputs = preparation.inputs(pixels, CPU)
    assert inputs.is_contiguous()
    assert torch.equal(inputs, torch.stack([whole(picture) for picture in pictures(10)]))


def test_a_preparation_that_cannot_be_halved_runs_whole() -> None:
    preparation = Preparation(lambda image: torch.full((3, 4, 4), float(image.width)))
    pixels = [preparation.pixels(picture) for picture in pictures(3)]
    assert preparation.inputs(pixels, CPU).shape == (3, 3, 4, 4)


def test_batches_end_where_a_shard_ends_and_a_bad_image_costs_only_itself(tmp_path: Path) -> None:
    for number, picture in enumerate(pictures(10)):
        picture.save(tmp_path / f"{number}.png")
    (tmp_path / "3.png").write_bytes(b"damaged")

    def prepare(image: Image.Image) -> torch.Tensor:
        if image.size == (90, 5):
            raise ValueError("sides must be longer")
        return torch.zeros(1)

    import hashlib

    images = {f"{n}.png": hashlib.sha256((tmp_path / f"{n}.png").read_bytes()).hexdigest() for n in range(10)}
    images["gone.png"] = "0" * 64
    reader = ImageReader(bytes_reader(tmp_path), prepare, workers=2)
    batches = list(read_batches(reader, images, batch_size=4, shard_size=6))
    assert [len(batch.keys) + len(batch.failed) for batch in batches] == [4, 2, 4, 1]
    failed = {source: reason for batch in batches for source, reason in batch.failed.items()}
    assert set(failed) == {"3.png", "4.png", "9.png", "gone.png"}
    assert "sides must be longer" in failed["4.png"]
    assert failed["gone.png"] == "No such file or directory"
    assert sum(len(batch.pixels) for batch in batches) == 7


def test_batches_come_back_in_order_and_the_model_never_sees_an_empty_one() -> None:
    def embed(pixels: list[torch.Tensor]) -> np.ndarray:
        time.sleep(0.02 if int(pixels[0]) % 2 else 0.0)
        return np.stack([np.full(4, float(tensor), dtype=np.float32) for tensor in pixels])

    batches = [Batch([str(n)], [torch.tensor(float(n))], {}) for n in range(9)] + [Batch([], [], {"x": "gone"})]
    with BatchEmbedder(embed, threads=3, dimension=4) as embedder:
        done = [pair for batch in batches for pair in embedder.submit(batch)]
        done += embedder.drain()
        assert 0 < embedder.busy <= 1
    assert [batch.keys for batch, _ in done] == [batch.keys for batch in batches]
    assert [rows[0, 0] for _, rows in done[:9]] == list(range(9))
    assert done[9][1].shape == (0, 4)


def test_an_image_without_a_finite_vector_is_left_out(tmp_path: Path) -> None:
    shards, finished = Shards(tmp_path, "model"), []
    sources = {f"{n:064d}": f"{n}.png" for n in range(4)}
    cutter = ShardCutter(shards, 3, sources, finished.append, device="cpu", precision="bfloat16")
    keys = list(sources)
    rows = np.ones((2, 5), dtype=np.float32)
    spoilt = rows.copy()
    spoilt[1, 2] = np.nan
    cutter.take([(Batch(keys[:2], [], {"9.png": "gone"}), spoilt), (Batch(keys[2:], [], {}), rows)])
    cutter.write()
    again = Shards(tmp_path, "model")
    assert again.images(keys) == {keys[0], keys[2], keys[3]}
    assert again.failures() == {"9.png": "gone", "1.png": "the model gives no finite vector for it"}
    assert finished == [3, 2]
    assert len(list((tmp_path / "model").glob("*.npy"))) == 2
    assert '"precision": "bfloat16"' in (tmp_path / "model" / "000000.json").read_text()


def test_embeddings_of_another_width_are_refused(tmp_path: Path) -> None:
    shards = Shards(tmp_path, "model")
    shards.add(["a" * 64], np.ones((1, 8), dtype=np.float32), {}, 1.0)
    for rows in (np.ones((1, 9)), np.ones((2, 8)), np.ones(8)):
        with pytest.raises(InvalidInput, match=r"\(1, 8\)"):
            shards.add(["b" * 64], rows, {}, 1.0)
    with pytest.raises(InvalidInput, match="finite"):
        shards.add(["b" * 64], np.full((1, 8), np.nan), {}, 1.0)
    assert Shards(tmp_path, "model").images(["a" * 64, "b" * 64]) == {"a" * 64}


def test_devices_and_precisions_that_are_not_there_are_named() -> None:
    assert choose_device("cpu") == CPU
    assert choose_precision("auto", CPU) is torch.float32
    assert choose_precision("bf16", CPU) is torch.bfloat16
    assert choose_precision("auto", torch.device("cuda:0")) is torch.float16
    with pytest.raises(ConfigurationError, match=r"auto or one of cpu.*'cuda:99'"):
        choose_device("cuda:99")
    with pytest.raises(ConfigurationError, match=r"fp32, bf16 on cpu.*'fp16'"):
        choose_precision("fp16", CPU)
