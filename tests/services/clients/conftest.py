"""The demo platform as a client sees it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clip_branches.client import Client
from tests.running import Running


@pytest.fixture
def client(services: Running) -> Iterator[Client]:
    with Client(services.url, catalogue="demo") as client:
        yield client
