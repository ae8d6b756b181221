"""A data service that hangs: searching goes on, and its requests are refused instead of taking every thread."""

from __future__ import annotations

import signal
import threading
import time

import pytest
import requests

from tests.faults.fleet import Fleet, clearly_away, until

pytestmark = pytest.mark.slow
FAILED = 'upstream_seconds_count{outcome="failed",upstream="data"}'


def test_a_hanging_data_service_does_not_take_the_page_with_it(running: Fleet) -> None:
    failed = running.metrics("web").get(FAILED, 0)
    assert running.image(1).status_code == 200
    running.freeze("data")
    answers: list[requests.Response] = []

    def picture(number: int) -> None:
        answers.append(running.image(number, width=320))

    pictures = [threading.Thread(target=picture, args=(number,)) for number in range(1, 61)]
    for thread in pictures:
        thread.start()
    waits = []
    while any(thread.is_alive() for thread in pictures):
        started = time.monotonic()
        assert running.search(text=f"new {started}").status_code == 200
        assert requests.get(f"{running.url}/livez", timeout=60).status_code == 200
        waits.append(time.monotonic() - started)
    assert len(answers) == 60
    for answer in answers:
        clearly_away(answer, "data")
    # A page that waits for pictures waits for the time-out of the first of them.
    assert max(waits) < 3, waits
    until(lambda: any("data" in reason for reason in running.ready()))
    assert running.metrics("web")[FAILED] - failed >= 60
    running.freeze("data", signal.SIGCONT)
    running.becomes_ready()
    for number in range(1, 41):
        assert running.image(number, width=320).status_code == 200
