"""A data service that hangs: searching goes on, and its requests are refused instead of taking every thread."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

import pytest
import requests

from tests.faults.fleet import Fleet, clearly_away, until

pytestmark = pytest.mark.slow
TIMEOUT_S = 4


def test_a_hanging_data_service_does_not_take_the_page_with_it(fleet: Callable[..., Fleet]) -> None:
    running = fleet(WEB_TIMEOUT_S=str(TIMEOUT_S))
    assert running.image(1).status_code == 200
    running.freeze("data")
    answers: list[requests.Response] = []
    took: list[float] = []

    def picture(number: int) -> None:
        started = time.monotonic()
        answers.append(running.image(number, width=320))
        took.append(time.monotonic() - started)

    pictures = [threading.Thread(target=picture, args=(number,)) for number in range(1, 61)]
    for thread in pictures:
        thread.start()
    waits = []
    while any(thread.is_alive() for thread in pictures):
        started = time.monotonic()
        assert running.search(text=f"new {started}").status_code == 200
        assert requests.get(f"{running.url}/livez", timeout=5).status_code == 200
        waits.append(time.monotonic() - started)
    assert len(answers) == 60
    for answer in answers:
        clearly_away(answer, "data")
    # Half of the time-out would be a page that waits for pictures; a search takes far less.
    assert max(waits) < TIMEOUT_S / 2 + 1, waits
    assert any("data" in reason for reason in running.ready())
    assert running.metrics("web")['upstream_seconds_count{outcome="failed",upstream="data"}'] >= 60
    running.freeze("data", signal.SIGCONT)
    until(lambda: running.ready() == [], 20)
    for number in range(1, 41):
        assert running.image(number, width=320).status_code == 200
