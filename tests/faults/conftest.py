"""The three services over a small catalogue of their own, which a test may damage."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.fleet import NAME, Fleet
from tests.pipeline.support import Preprocessing, write_images, write_tiny_model

IMAGES = 240


@pytest.fixture(scope="session")
def fault_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fault-models")
    write_tiny_model(folder / "tiny", 0)
    return folder


@pytest.fixture(scope="session")
def fault_data(tmp_path_factory: pytest.TempPathFactory, fault_models: Path) -> Path:
    """A data folder with the catalogue "noise": 240 pictures of 400 px with captions. Copied, never changed."""
    folder = tmp_path_factory.mktemp("fault-data")
    source = folder / "sources" / NAME
    paths = write_images(source, IMAGES, size=400)
    rows = ["filename,caption", *(f"{path.name},picture {number}" for number, path in enumerate(paths))]
    (source / "captions.csv").write_text("\n".join(rows) + "\n")
    Preprocessing(fault_models, folder).build(source, name=NAME)
    return folder


@pytest.fixture
def own_data(fault_data: Path, tmp_path: Path) -> Path:
    """A copy of the data folder that the test may damage; nothing was ever asked of it."""
    return Path(shutil.copytree(fault_data, tmp_path / "data"))


@pytest.fixture
def fleet(own_data: Path, fault_models: Path) -> Iterator[Callable[..., Fleet]]:
    """Starts the three services over the copy, ready, with more environment variables; ended after the test."""
    with contextlib.ExitStack() as stack:

        def start(**environment: str) -> Fleet:
            always = {"MODELS_DIR": str(fault_models), "SEARCH_UNLABELLED": "100"}
            return stack.enter_context(Fleet.over(own_data, always | environment))

        yield start
