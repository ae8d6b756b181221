"""16 and 200 users at once, by Locust, through the web service: answers, or the word when to come back."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import pytest
import requests

from benchmarks.load.users import start
from tests.faults.fleet import NAME, Fleet, until

pytestmark = pytest.mark.slow


def test_many_users_at_once(running: Fleet) -> None:
    for users, seconds in ((16, 8), (200, 15)):
        load = start(running.url, users=users, seconds=seconds, catalogue=NAME)
        slowest = 0.0
        while load.goes_on:
            alive = requests.get(f"{running.url}/livez", timeout=60)
            assert alive.status_code == 200
            slowest = max(slowest, alive.elapsed.total_seconds())
            with contextlib.suppress(subprocess.TimeoutExpired):
                load.process.wait(timeout=0.5)
        outcome = load.finished()
        sys.stdout.write(
            f"{users} users: {outcome.requests} requests, refused {outcome.refused}, p50 {outcome.p50_ms} ms, "
            f"p99 {outcome.p99_ms} ms, /livez at most {slowest * 1_000:.0f} ms\n"
        )
        assert outcome.failures == 0, outcome.report
        assert outcome.requests > 100
        assert slowest < 5  # it waits for no search
    for service in ("search", "data", "web"):
        figures = running.metrics(service)
        assert not any('status="500"' in name for name in figures if name.startswith("http_requests_total"))
        # What the users had asked last may still be at work.
        until(lambda service=service: running.metrics(service)["http_requests_in_progress"] == 1)  # type: ignore[misc]
    running.becomes_ready()
