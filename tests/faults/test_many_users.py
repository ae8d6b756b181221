"""16 and 200 users at once, by Locust, through the web service: answers, or the word when to come back."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable

import pytest
import requests

from benchmarks.load.users import finished, start
from tests.faults.fleet import NAME, Fleet

pytestmark = pytest.mark.slow


def test_many_users_at_once(fleet: Callable[..., Fleet]) -> None:
    running = fleet()
    for users, seconds in ((16, 8), (200, 15)):
        load = start(running.url, users=users, seconds=seconds, catalogue=NAME)
        slowest = 0.0
        while load.poll() is None:
            alive = requests.get(f"{running.url}/livez", timeout=10)
            assert alive.status_code == 200
            slowest = max(slowest, alive.elapsed.total_seconds())
            with contextlib.suppress(subprocess.TimeoutExpired):
                load.wait(timeout=0.5)
        outcome = finished(load)
        sys.stdout.write(
            f"{users} users: {outcome.requests} requests, refused {outcome.refused}, p50 {outcome.p50_ms} ms, "
            f"p99 {outcome.p99_ms} ms, /livez at most {slowest * 1_000:.0f} ms\n"
        )
        assert outcome.failures == 0, outcome.report
        assert outcome.requests > 100
        assert slowest < 5
    for service in ("search", "data", "web"):
        figures = running.metrics(service)
        assert not any('status="500"' in name for name in figures if name.startswith("http_requests_total"))
        assert figures["http_requests_in_progress"] == 1
    assert running.ready() == []
