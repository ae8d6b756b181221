"""Fixtures that more than one folder of tests needs; modules beside this file can be imported by their names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.many import build_many
from tests.running import DEMO_MODEL, Running, build_demo

SCENES = 1_200


@pytest.fixture(scope="session")
def demo_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with "demo", made once by the pipeline with the demo model, and "many": 100,000 images."""
    if not DEMO_MODEL.exists():
        pytest.skip("the demo model is not there (assets/models/demo)")
    folder = tmp_path_factory.mktemp("data")
    build_demo(folder, count=SCENES)
    build_many(folder, folder / "catalogues" / "demo")
    return folder


@pytest.fixture(scope="session")
def services(demo_data: Path) -> Iterator[Running]:
    """The three services at work over the demo catalogue."""
    with Running.over(demo_data) as running:
        yield running
