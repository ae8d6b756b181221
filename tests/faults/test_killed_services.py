"""kill -9 of each service in mid-request: what is missing is said, the rest goes on, and nothing is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest
import requests

from tests.faults.fleet import NAME, Fleet, clearly_away, until

pytestmark = pytest.mark.slow
LABELS = {"text": "red", "positive": [1, 2, 3], "negative": [9]}


@pytest.fixture(scope="module")
def running(fault_data: Path, fault_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    data_dir = Path(copytree(fault_data, tmp_path_factory.mktemp("killed") / "data"))
    with Fleet.over(data_dir, {"MODELS_DIR": str(fault_models), "SEARCH_UNLABELLED": "100"}) as fleet:
        yield fleet


def heavy(number: int) -> dict[str, object]:
    return {"positive": list(range(1 + number, 41 + number)), "negative": list(range(120, 160)), "model": "ensemble"}


def test_the_search_service(running: Fleet) -> None:
    known = running.found(**LABELS)
    assert running.save("before", known["result_set"]).status_code == 201
    answers: list[requests.Response] = []
    asking = [threading.Thread(target=lambda n=n: answers.append(running.search(**heavy(n)))) for n in range(6)]
    for thread in asking:
        thread.start()
    until(lambda: running.metrics("search").get('work_places{state="admitted"}', 0) >= 1, 20)
    running.kill("search")
    for thread in asking:
        thread.join()
    assert len(answers) == 6
    for answer in (answer for answer in answers if answer.status_code != 200):
        clearly_away(answer, "search")
    assert any(answer.status_code == 503 for answer in answers)

    clearly_away(running.search(**LABELS), "search")
    clearly_away(running.save("meanwhile", known["result_set"]), "search")
    assert any("search" in reason for reason in running.ready())
    assert requests.get(f"{running.url}/livez", timeout=5).status_code == 200
    # The page itself, pictures and what was saved are there all the same.
    assert requests.get(f"{running.url}/?q=red", timeout=10).status_code == 200
    assert running.image(1).status_code == 200
    assert running.saved() == ["before"]
    assert running.metrics("web")['upstream_seconds_count{outcome="failed",upstream="search"}'] >= 2

    running.start("search")
    running.wait_until_ready()
    page = requests.get(
        f"{running.url}/api/catalogues/{NAME}/results/{known['result_set']}?limit=60", timeout=30
    ).json()
    assert (page["total"], page["hits"]) == (known["total"], known["hits"])
    assert running.found(**LABELS) == known
    for number in range(6):
        assert running.search(**heavy(number)).status_code == 200
    assert running.save("meanwhile", known["result_set"]).status_code == 201


def test_the_data_service(running: Fleet) -> None:
    known = running.found(**LABELS)
    answers: list[requests.Response] = []
    asking = [threading.Thread(target=lambda n=n: answers.append(running.image(n, width=320))) for n in range(1, 41)]
    for thread in asking:
        thread.start()
    running.kill("data")
    for thread in asking:
        thread.join()
    assert len(answers) == 40
    for answer in answers:
        # A picture is whole or it is not given.
        assert answer.status_code == 200 or clearly_away(answer, "data") is None
        assert answer.status_code != 200 or len(answer.content) == int(answer.headers["Content-Length"])
    clearly_away(running.image(1), "data")
    assert any("data" in reason for reason in running.ready())
    assert running.ready("search") == []
    assert running.found(**LABELS) == known
    running.start("data")
    running.wait_until_ready()
    for number in range(1, 41):
        assert running.image(number, width=320).status_code == 200


def test_the_web_service_keeps_every_search_that_it_said_was_saved(running: Fleet) -> None:
    known = running.found(**LABELS)
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
    assert len(kept) <= len(told) + 3 + 2  # one in flight each, and two of the first test
    assert running.found(**LABELS) == known
    assert running.save("after", known["result_set"]).status_code == 201
