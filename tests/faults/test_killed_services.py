"""kill -9 of each service in mid-request: what is missing is said, the rest goes on, and nothing is lost."""

from __future__ import annotations

import threading

import pytest
import requests

from tests.faults.fleet import NAME, Fleet, clearly_away, until

pytestmark = pytest.mark.slow
LABELS = {"text": "red", "positive": [1, 2, 3], "negative": [9]}


def heavy(number: int) -> dict[str, object]:
    """Another search for every number: none is answered from what is kept."""
    labels = {"positive": list(range(1 + number % 60, 41 + number % 60)), "negative": list(range(120, 160))}
    return labels | {"model": "ensemble", "seed": number}


def test_the_search_service(running: Fleet) -> None:
    known = running.found(**LABELS)
    assert running.save("before", known["result_set"]).status_code == 201
    saved = running.saved()
    answers: list[requests.Response] = []
    cut: list[requests.RequestException] = []

    def keep_asking(first: int) -> None:
        """Until one is not answered: whenever the service is killed, some are in the middle of it."""
        for number in range(first, first + 10_000):
            try:
                answers.append(running.search(**heavy(number)))
            except requests.RequestException as error:  # its answer was under way already: it is cut, never half
                cut.append(error)
                return
            if answers[-1].status_code != 200:
                return

    asking = [threading.Thread(target=keep_asking, args=(10_000 * n,)) for n in range(6)]
    for thread in asking:
        thread.start()
    until(lambda: running.metrics("search").get('work_places{state="admitted"}', 0) >= 1)
    running.kill("search")
    for thread in asking:
        thread.join()
    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(refused) + len(cut) == 6
    assert refused
    for answer in refused:
        clearly_away(answer, "search")

    clearly_away(running.search(**LABELS), "search")
    clearly_away(running.save("meanwhile", known["result_set"]), "search")
    until(lambda: any("search" in reason for reason in running.ready()))
    assert requests.get(f"{running.url}/livez", timeout=60).status_code == 200
    # The page itself, pictures and what was saved are there all the same.
    assert requests.get(f"{running.url}/?q=red", timeout=60).status_code == 200
    assert running.image(1).status_code == 200
    assert running.saved() == saved
    assert running.metrics("web")['upstream_seconds_count{outcome="failed",upstream="search"}'] >= 2

    running.start("search")
    running.wait_until_ready()
    page = requests.get(
        f"{running.url}/api/catalogues/{NAME}/results/{known['result_set']}?limit=60", timeout=60
    ).json()
    assert (page["total"], page["hits"]) == (known["total"], known["hits"])
    assert running.found(**LABELS) == known
    for number in range(6):
        assert running.search(**heavy(number)).status_code == 200
    assert running.save("meanwhile", known["result_set"]).status_code == 201


def test_the_data_service(running: Fleet) -> None:
    known = running.found(**LABELS)
    answers: list[requests.Response] = []
    cut: list[requests.RequestException] = []

    def look(number: int) -> None:
        try:
            answers.append(running.image(number, width=320))
        except requests.RequestException as error:
            cut.append(error)

    asking = [threading.Thread(target=look, args=(number,)) for number in range(1, 41)]
    for thread in asking:
        thread.start()
    running.kill("data")
    for thread in asking:
        thread.join()
    assert len(answers) + len(cut) == 40
    for answer in answers:
        # A picture is whole or it is not given.
        assert answer.status_code == 200 or clearly_away(answer, "data") is None
        assert answer.status_code != 200 or len(answer.content) == int(answer.headers["Content-Length"])
    clearly_away(running.image(1), "data")
    until(lambda: any("data" in reason for reason in running.ready()))
    running.becomes_ready("search")
    assert running.found(**LABELS) == known
    running.start("data")
    running.wait_until_ready()
    for number in range(1, 41):
        assert running.image(number, width=320).status_code == 200


def test_the_web_service_keeps_every_search_that_it_said_was_saved(running: Fleet) -> None:
    known = running.found(**LABELS)
    before = running.saved()
    told: list[str] = []

    def keep_saving(writer: int) -> None:
        for number in range(200):
            try:
                answer = running.save(f"{writer}-{number}", known["result_set"])
            except requests.RequestException:
                return
            if answer.status_code == 201:
                told.append(f"{writer}-{number}")

    writers = [threading.Thread(target=keep_saving, args=(writer,)) for writer in range(3)]
    for thread in writers:
        thread.start()
    until(lambda: len(told) > 10)
    running.kill("web")
    for thread in writers:
        thread.join()
    with pytest.raises(requests.ConnectionError):
        running.saved()
    running.start("web")
    running.wait_until_ready()
    kept = running.saved()
    assert set(told) <= set(kept)
    assert len(kept) <= len(told) + 3 + len(before)  # one in flight each
    assert running.found(**LABELS) == known
    assert running.save("after", known["result_set"]).status_code == 201
