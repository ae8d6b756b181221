"""What CUDA runs by default, as far as a CPU can show it: float16 products, overflows, batches that do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from clip_branches.errors import ConfigurationError
from preprocessing.towers import Towers, load_towers


@pytest.fixture
def towers(models_dir: Path) -> Towers:
    return load_towers("tiny", models_dir)


@pytest.fixture
def pixels(towers: Towers) -> list[torch.Tensor]:
    generator = np.random.default_rng(0)
    images = [Image.fromarray(generator.integers(0, 256, (40, 50, 3), dtype=np.uint8)) for _ in range(7)]
    return [towers.preparation.pixels(image) for image in images]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_gives_nearly_the_same_vectors(
    towers: Towers, pixels: list[torch.Tensor], dtype: torch.dtype
) -> None:
    exact = towers.embed(pixels)
    towers.dtype = dtype
    rough = towers.embed(pixels)
    assert rough.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rough, axis=1), 1.0, atol=1e-3)
    assert not np.array_equal(rough, exact)
    assert ((rough * exact).sum(axis=1) > 0.999).all()


def test_what_overflows_in_float16_is_computed_again_in_float32(towers: Towers, pixels: list[torch.Tensor]) -> None:
    with torch.no_grad():
        towers.encoder.model.visual.conv1.weight.mul_(1e6)  # the norm behind it takes the factor out again
    exact = towers.embed(pixels)
    towers.dtype = torch.float16
    assert np.isnan(towers._run(pixels, torch.float16)).any()
    np.testing.assert_allclose(towers.embed(pixels), exact, atol=1e-5)


class _LittleMemory(torch.nn.Module):
    """A tower on a device that has room for so many images at once."""

    def __init__(self, model: Any, room: int) -> None:
        super().__init__()
        self.model, self.room, self.sizes = model, room, []

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(images))
        if len(images) > self.room:
            raise torch.OutOfMemoryError("out of memory")
        return torch.as_tensor(self.model.encode_image(images))


def test_a_batch_that_does_not_fit_is_halved_until_it_does(towers: Towers, pixels: list[torch.Tensor]) -> None:
    exact = towers.embed(pixels)
    towers.encoder.model = small = _LittleMemory(towers.encoder.model, 2)
    np.testing.assert_allclose(towers.embed(pixels), exact, atol=1e-5)
    assert small.sizes == [7, 3, 1, 2, 4, 2, 2]
    small.room = 0
    with pytest.raises(ConfigurationError, match="must fit into the memory of cpu, with one image at least"):
        towers.embed(pixels)
