"""The search and data apps in process, over a small catalogue made by the real pipeline with a tiny random model."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from clip_branches.settings import DataSettings, SearchSettings
from data_service.app import create_app as create_data_app
from search_service.app import create_app as create_search_app
from tests.pipeline.support import Preprocessing, write_images, write_tiny_model

IMAGES = 240
NAME = "noise"


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("service-models")
    write_tiny_model(folder / "tiny", 0)
    return folder


@pytest.fixture(scope="session")
def noise_data(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> Path:
    """A data folder with the catalogue "noise": 240 pictures of 400 px with captions. Copied, never changed."""
    folder = tmp_path_factory.mktemp("service-data")
    source = folder / "sources" / NAME
    paths = write_images(source, IMAGES, size=400)
    rows = ["filename,caption", *(f"{path.name},picture {number}" for number, path in enumerate(paths))]
    (source / "captions.csv").write_text("\n".join(rows) + "\n")
    Preprocessing(tiny_models, folder).build(source, name=NAME)
    return folder


@pytest.fixture
def own_data(noise_data: Path, tmp_path: Path) -> Path:
    """A copy of the data folder that the test may damage; no answer or thumbnail is in it yet."""
    return Path(shutil.copytree(noise_data, tmp_path / "data", ignore=shutil.ignore_patterns("answers", "cache")))


@pytest.fixture(scope="session")
def search_app(noise_data: Path, tiny_models: Path) -> Iterator[Flask]:
    app = create_search_app(search_settings(noise_data, tiny_models))
    yield wait_until_ready(app)
    app.extensions["search"].stop()


@pytest.fixture
def search(search_app: Flask) -> FlaskClient:
    return search_app.test_client()


@pytest.fixture
def start_search(tiny_models: Path) -> Iterator[Callable[..., Flask]]:
    """Starts search apps over any data folder, and ends them after the test."""
    started: list[Flask] = []

    def start(data_dir: Path, *, ready: bool = True, **changes: Any) -> Flask:
        app = create_search_app(search_settings(data_dir, tiny_models, **changes))
        started.append(app)
        return wait_until_ready(app) if ready else wait_until_looked(app)

    yield start
    for app in started:
        app.extensions["search"].stop()


@pytest.fixture
def start_data() -> Iterator[Callable[..., Flask]]:
    """Starts data apps over any data folder, and ends them after the test."""
    started: list[Flask] = []

    def start(data_dir: Path, *, ready: bool = True, **changes: Any) -> Flask:
        settings = DataSettings(**{"data_dir": data_dir, "catalogue_check_s": 0.1, "log_level": "WARNING", **changes})
        app = create_data_app(settings)
        started.append(app)
        return wait_until_ready(app) if ready else wait_until_looked(app)

    yield start
    for app in started:
        app.extensions["shelf"].stop()


def search_settings(data_dir: Path, models_dir: Path, **changes: Any) -> SearchSettings:
    values = {
        "data_dir": data_dir,
        "models_dir": models_dir,
        "catalogue_check_s": 0.1,
        "log_level": "WARNING",
        "unlabelled": 100,
    }
    return SearchSettings(**{**values, **changes})


def wait_until_ready(app: Flask, seconds: float = 120) -> Flask:
    return wait_for(app, lambda: app.test_client().get("/readyz").status_code == 200, seconds)


def wait_until_looked(app: Flask, seconds: float = 120) -> Flask:
    """Until every catalogue was tried, ready or not."""

    def tried() -> bool:
        reasons = app.test_client().get("/readyz").json["reasons"]  # type: ignore[index]
        return not any("is starting" in reason for reason in reasons)

    return wait_for(app, tried, seconds)


def wait_for(app: Flask, condition: Callable[[], bool], seconds: float = 30) -> Flask:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(app.test_client().get("/readyz").text)
        time.sleep(0.02)
    return app


def stored(folder: Path, name: str = "hits.npy", *, seconds: float = 30) -> Path:
    """The file of a stored answer, once it is there whole: answers are written behind the response."""
    deadline = time.monotonic() + seconds
    while not (folder / "hits.npy").exists() or not (folder / "details.json").exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{folder} holds {[path.name for path in folder.glob('*')]}")
        time.sleep(0.02)
    return folder / name


def ask(client: FlaskClient, name: str = NAME, **body: Any) -> dict[str, Any]:
    """The answer to a search that must succeed."""
    answer = client.post(f"/v1/catalogues/{name}/search", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    return dict(answer.json)


def every_hit(client: FlaskClient, result_set: str, *, limit: int = 7, name: str = NAME) -> list[dict[str, Any]]:
    """All hits of an answer, page by page, as a reader who scrolls to the end gets them."""
    hits: list[dict[str, Any]] = []
    while True:
        path = f"/v1/catalogues/{name}/results/{result_set}?offset={len(hits)}&limit={limit}"
        page = client.get(path).json
        assert page is not None
        assert page["result_set"] == result_set
        hits += page["hits"]
        if not page["hits"]:
            assert len(hits) == page["total"]
            return hits
