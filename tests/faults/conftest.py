"""The three services over a small catalogue: shared by tests that leave them as they were, or of a test's own."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.fleet import NAME, TIMEOUT_S, Fleet
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


@pytest.fixture(scope="session")
def shared(fault_data: Path, fault_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The three services over a copy of their own, for every test that leaves it as it was; see ``running``."""
    data_dir = Path(shutil.copytree(fault_data, tmp_path_factory.mktemp("shared") / "data"))
    quick = {"SEARCH_CATALOGUE_CHECK_S": "0.2", "DATA_CATALOGUE_CHECK_S": "0.2", "WEB_TIMEOUT_S": str(TIMEOUT_S)}
    with Fleet.over(data_dir, {"MODELS_DIR": str(fault_models), "SEARCH_UNLABELLED": "100"} | quick) as fleet:
        yield fleet


@pytest.fixture
def running(shared: Fleet) -> Fleet:
    """The shared services, all of them at work: what the test before has ended is started again."""
    shared.restore()
    return shared


@pytest.fixture
def fleet(own_data: Path, fault_models: Path) -> Iterator[Callable[..., Fleet]]:
    """Starts the three services over the copy, ready, with more environment variables; ended after the test."""
    with contextlib.ExitStack() as stack:

        def start(**environment: str) -> Fleet:
            always = {"MODELS_DIR": str(fault_models), "SEARCH_UNLABELLED": "100"}
            return stack.enter_context(Fleet.over(own_data, always | environment))

        yield start
