"""A models folder with tiny real models, and the command line on a data folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.support import CIFAR, Preprocessing, unpack_photos, write_tiny_model
from tests.web import Web, serving


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two randomly initialised models, "tiny" and "other"; neither ships a head or a quantiser."""
    folder = tmp_path_factory.mktemp("models")
    for name, seed in (("tiny", 0), ("other", 1)):
        write_tiny_model(folder / name, seed)
    return folder


@pytest.fixture
def preprocessing(models_dir: Path, tmp_path: Path) -> Preprocessing:
    return Preprocessing(models_dir, tmp_path / "data")


@pytest.fixture
def web() -> Iterator[Web]:
    """A real server that misbehaves on demand."""
    with serving() as one:
        yield one


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 300 real photos with captions."""
    return unpacked(tmp_path_factory, 300)


@pytest.fixture(scope="session")
def many_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 5,000 real photos with captions."""
    return unpacked(tmp_path_factory, 5_000)


def unpacked(tmp_path_factory: pytest.TempPathFactory, count: int) -> Path:
    if not CIFAR.exists():
        pytest.skip(f"real photos are needed: {CIFAR} is not there")
    return unpack_photos(tmp_path_factory.mktemp("photos"), count)
