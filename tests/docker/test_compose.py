"""The containers as a newcomer starts them: built, started, searched and refined through the one published port.

Needs a Docker engine and a compose command; without them the test is skipped. The first build installs torch, so it
takes minutes; later ones use the engine's cache.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.scenario import LABELS, QUERY, Api, Labels, best_cut, quality

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 600

pytestmark = [pytest.mark.docker, pytest.mark.timeout(3_000)]


def _compose() -> list[str]:
    if shutil.which("docker") is None:
        pytest.skip("no docker command on this machine")
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        pytest.skip("no Docker engine answers (docker info failed)")
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    pytest.skip("neither `docker compose` nor `docker-compose` is installed")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def platform() -> Iterator[tuple[str, list[str]]]:
    """Address of the web service of a freshly started platform, and the compose command that controls it."""
    port = _free_port()
    compose = [*_compose(), "-p", f"clip-branches-test-{os.getpid()}"]
    environment = {**os.environ, "WEB_PORT": str(port), "DOCKER_BUILDKIT": os.environ.get("DOCKER_BUILDKIT", "0")}

    def run(*arguments: str) -> None:
        subprocess.run([*compose, *arguments], cwd=ROOT, env=environment, check=True)

    run("build")
    try:
        run("up", "-d")
        address = f"http://127.0.0.1:{port}"
        _wait_until_ready(address)
        yield address, compose
    finally:
        run("down", "--volumes", "--timeout", "5")


def _wait_until_ready(address: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            if requests.get(f"{address}/readyz", timeout=5).status_code == 200:
                return
        except requests.RequestException:
            pass
        time.sleep(1)
    pytest.fail(f"{address} was not ready after {START_TIMEOUT_S} s")


def test_ten_labels_find_a_drawing_style_through_the_web_port(platform: tuple[str, list[str]]) -> None:
    address, _ = platform
    assert "CLIP-Branches" in requests.get(address, timeout=30).text
    api = Api(address)
    found, total = api.search(text=QUERY)
    assert total == 6_000
    ranking = api.all_of(found)
    truth = api.having(ranking, lambda metadata: metadata["style"] == "ink")
    labels = Labels()
    labels.first_round(ranking, truth)
    first, _ = api.search(text=QUERY, positive=labels.right, negative=labels.wrong)
    labels.second_round(api.all_of(first), truth)
    assert labels.count == LABELS
    second, _ = api.search(text=QUERY, positive=labels.right, negative=labels.wrong)
    f1 = quality(api.all_of(second), truth).f1
    assert f1 >= 0.85
    assert f1 > best_cut(ranking, truth)
    picture = requests.get(f"{address}/api/catalogues/demo/items/{ranking[0]}/image?width=320", timeout=30)
    assert picture.status_code == 200
    assert picture.headers["Content-Type"].startswith("image/")


def test_only_the_web_port_is_published_and_nobody_is_root(platform: tuple[str, list[str]]) -> None:
    _, compose = platform
    for service in ("search", "data", "web"):
        container = subprocess.run(
            [*compose, "ps", "-q", service], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
        inspect = subprocess.run(
            [
                "docker",
                "inspect",
                "-f",
                "{{.HostConfig.ReadonlyRootfs}} {{.Config.User}} {{len .HostConfig.PortBindings}}",
                container,
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        assert inspect == ["true", "app", "1" if service == "web" else "0"]
