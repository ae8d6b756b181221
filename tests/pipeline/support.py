"""What the pipeline tests share: the command line in its own process, a tiny real model, folders of real images."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner
from PIL import Image

from clip_branches.catalogue import Catalogue
from preprocessing.cli import main

REPOSITORY = Path(__file__).parents[2]
CIFAR = REPOSITORY.parent / "shared" / "data" / "cifar10_jpeg.npz"


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "preprocessing", *(str(argument) for argument in arguments)]


def environment(models_dir: Path) -> dict[str, str]:
    return {**os.environ, "MODELS_DIR": str(models_dir), "HF_HUB_OFFLINE": "1"}


class Preprocessing:
    """``python -m preprocessing`` with the tiny models and a data folder of its own."""

    def __init__(self, models_dir: Path, data_dir: Path) -> None:
        self.models_dir = models_dir
        self.data_dir = data_dir

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """The command in a process group of its own, to be killed."""
        return subprocess.Popen(
            command(*arguments, "--data-dir", self.data_dir),
            env=environment(self.models_dir),
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __call__(self, *arguments: object, status: int | None = 0) -> str:
        """Its whole output, run in this process; the exit status must be ``status``, or any but 0 for None."""
        texts = [str(argument) for argument in (*arguments, "--data-dir", self.data_dir)]
        result = CliRunner().invoke(main, texts, env={"MODELS_DIR": str(self.models_dir)})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code if status is None else result.exit_code == status, result.output
        return result.output

    def build(self, source: Path, *arguments: object, name: str = "photos", status: int | None = 0) -> str:
        return self("build", source, "--name", name, "--model", "tiny", *arguments, status=status)

    def catalogue(self, name: str = "photos") -> Catalogue:
        return Catalogue.open(self.data_dir / "catalogues" / name)

    def work(self, name: str = "photos") -> Path:
        return self.data_dir / "work" / name


def everything(catalogue: Catalogue) -> list[dict[str, Any]]:
    """All items, by source."""
    ids = np.concatenate([segment.ids for segment in catalogue.segments])
    return sorted(catalogue.items(ids)[0], key=lambda item: str(item["source"]))


def contents(catalogue: Catalogue) -> dict[str, str]:
    """Checksums of all files of the segments and the encoder: equal only for equal catalogues."""
    manifest = catalogue.manifest
    files = {
        f"{number}/{name}": file.sha256 for number, s in enumerate(manifest.segments) for name, file in s.files.items()
    }
    return {**files, **{file.file: file.sha256 for file in (*manifest.encoder.head, manifest.encoder.quantiser)}}


def write_tiny_model(folder: Path, seed: int) -> None:
    """A randomly initialised CLIP of 32 px and 48 dimensions, in open_clip's ``local-dir:`` layout."""
    from clip_branches.encoding._torchvision import ensure_torchvision

    ensure_torchvision()
    import torch
    from open_clip import CLIP
    from safetensors.torch import save_file

    config: dict[str, Any] = {
        "embed_dim": 48,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
        "text_cfg": {"context_length": 16, "vocab_size": 49_408, "width": 32, "heads": 2, "layers": 1},
    }
    preprocess = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "shortest"}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = CLIP(**config)
    folder.mkdir(parents=True)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}))
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")


def write_images(folder: Path, count: int, *, size: int = 40, seed: int = 0, suffix: str = ".png") -> list[Path]:
    """``count`` different pictures of smooth coloured noise, named 0000 upwards."""
    generator = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        path = folder / f"{number:04d}{suffix}"
        noise(generator, size).save(path)
        paths.append(path)
    return paths


def noise(generator: np.random.Generator, size: int = 40) -> Image.Image:
    coarse = generator.integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)


def unpack_photos(folder: Path, count: int) -> Path:
    """``count`` CIFAR-10 photos of all classes, and captions.csv with their class names."""
    data = np.load(CIFAR, allow_pickle=False)
    jpeg, offset, label, names = data["jpeg"], data["offset"], data["label"], data["class_name"]
    rows = ["filename,caption"]
    for number, chosen in enumerate(np.linspace(0, len(label) - 1, count).astype(int).tolist()):
        name = f"{number:05d}.jpg"
        (folder / name).write_bytes(jpeg[offset[chosen] : offset[chosen + 1]].tobytes())
        rows.append(f"{name},{names[label[chosen]]}")
    (folder / "captions.csv").write_text("\n".join(rows) + "\n")
    return folder
