"""A tiny real open_clip model and small folders of real image files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

REPOSITORY = Path(__file__).parents[2]
CIFAR = REPOSITORY.parent / "shared" / "data" / "cifar10_jpeg.npz"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with two randomly initialised models of 32 px, "tiny" and "other"; neither ships a head."""
    folder = tmp_path_factory.mktemp("models")
    for name, seed in (("tiny", 0), ("other", 1)):
        write_tiny_model(folder / name, seed)
    return folder


def write_tiny_model(folder: Path, seed: int) -> None:
    from clip_branches.encoding._torchvision import ensure_torchvision

    ensure_torchvision()
    import torch
    from open_clip import CLIP
    from safetensors.torch import save_file

    config = {
        "embed_dim": 48,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
        "text_cfg": {"context_length": 16, "vocab_size": 49_408, "width": 32, "heads": 2, "layers": 1},
    }
    preprocess = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic", "resize_mode": "shortest"}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = CLIP(**config)
    folder.mkdir(parents=True)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}))
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")


@pytest.fixture(scope="session")
def run(models_dir: Path) -> Run:
    """``run(*arguments)``: ``python -m preprocessing`` in its own process, with the tiny models."""

    def _run(*arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(command(*arguments), env=environment(models_dir), capture_output=True, text=True, cwd=REPOSITORY)
        if check:
            assert result.returncode == 0, result.stdout + result.stderr
        return result

    return _run


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "preprocessing", *(str(argument) for argument in arguments)]


def environment(models_dir: Path) -> dict[str, str]:
    return {**os.environ, "MODELS_DIR": str(models_dir), "HF_HUB_OFFLINE": "1"}


def write_images(folder: Path, count: int, *, size: int = 40, seed: int = 0, suffix: str = ".png") -> list[Path]:
    """``count`` different pictures of coloured noise on a gradient, named 0000 upwards."""
    generator = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        coarse = generator.integers(0, 256, (5, 5, 3), dtype=np.uint8)
        path = folder / f"{number:04d}{suffix}"
        Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC).save(path)
        paths.append(path)
    return paths


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """``photos(n)``: a folder of n real CIFAR-10 photos, with captions.csv; skips where the data is not at hand."""
    made: dict[int, Path] = {}

    def _photos(count: int) -> Path:
        if not CIFAR.exists():
            pytest.skip(f"real photos are needed: {CIFAR} is not there")
        if count not in made:
            made[count] = _unpack(tmp_path_factory.mktemp(f"photos{count}"), count)
        return made[count]

    return _photos


def _unpack(folder: Path, count: int) -> Path:
    data = np.load(CIFAR, allow_pickle=False)
    jpeg, offset, label, names = data["jpeg"], data["offset"], data["label"], data["class_name"]
    rows = ["filename,caption"]
    for number in range(count):
        name = f"{number:05d}.jpg"
        (folder / name).write_bytes(jpeg[offset[number] : offset[number + 1]].tobytes())
        rows.append(f"{name},{names[label[number]]}")
    (folder / "captions.csv").write_text("\n".join(rows) + "\n")
    return folder
