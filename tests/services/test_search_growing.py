"""Services under load while a catalogue grows: no request is dropped, and old result sets stay readable."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.pipeline.support import Preprocessing, write_images
from tests.services.conftest import IMAGES, NAME, ask, every_hit, wait_for

ONE = ("--workers", 1, "--threads", 1)
Start = Callable[..., Flask]


class Load:
    """Threads that ask again and again; what went wrong in any of them is kept."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.asked: dict[str, int] = {}
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, name: str, request: Callable[[], Any]) -> None:
        def run() -> None:
            while not self._stop.is_set():
                try:
                    request()
                except Exception as error:  # noqa: BLE001 - whatever it is, the test tells it
                    self.wrong.append(f"{name}: {error!r}")
                self.asked[name] = self.asked.get(name, 0) + 1

        thread = threading.Thread(target=run, name=name)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def load() -> Any:
    load = Load()
    yield load
    load.stop()


@pytest.mark.timeout(900)
def test_no_request_is_dropped_while_generations_change(
    own_data: Path, tiny_models: Path, start_search: Start, start_data: Start, load: Load
) -> None:
    search, data = start_search(own_data), start_data(own_data)
    preprocessing = Preprocessing(tiny_models, own_data)
    source = own_data / "sources" / NAME
    # Built where the test's data folder was copied from: the source there is another test's.
    preprocessing.build(source, name=NAME)
    wait_for(search, lambda: generation(search) == generation(data) == 2)
    first = ask(search.test_client(), text="red", limit=1000)
    ids = [hit["id"] for hit in first["hits"]]
    kept = ids[10:]
    generations: list[int] = []

    def pages() -> None:
        assert every_hit(search.test_client(), first["result_set"], limit=100) == first["hits"]

    def searches() -> None:
        answer = ask(search.test_client(), text=f"picture {time.monotonic()}", limit=1)
        assert answer["total"] >= len(kept)
        generations.append(answer["generation"])

    def rounds() -> None:
        body = {"text": "blue", "positive": kept[:5], "negative": kept[-3:], "seed": len(generations)}
        assert ask(search.test_client(), **body)["total"] > 0

    def items() -> None:
        answer = data.test_client().get(f"/v1/catalogues/{NAME}/items?ids={','.join(map(str, kept[:50]))}")
        assert answer.status_code == 200, answer.text
        assert answer.json is not None
        assert ([item["id"] for item in answer.json["items"]], answer.json["missing"]) == (kept[:50], [])

    def images() -> None:
        for item in kept[:10]:
            answer = data.test_client().get(f"/v1/catalogues/{NAME}/items/{item}/image?width=80")
            assert answer.status_code == 200, answer.text

    for request in (pages, searches, rounds, items, images, searches):
        load.start(request.__name__, request)
    total = IMAGES
    for step in range(2):
        write_images(source, 5, seed=500 + step, suffix=f"-{step}.png", size=100)
        preprocessing("add", NAME, *ONE)
        preprocessing("delete", NAME, *(part for item in ids[5 * step : 5 * step + 5] for part in ("--id", item)))
        preprocessing("compact", NAME)
        wait_for(search, lambda step=step: generation(search) == generation(data) == 5 + 3 * step, seconds=300)
    load.stop()
    assert load.wrong == []
    assert all(count >= 3 for count in load.asked.values()), load.asked
    assert generations[-1] >= 5
    last = ask(search.test_client(), text="red", limit=1000)
    assert (last["generation"], last["total"]) == (8, total)
    assert not {hit["id"] for hit in last["hits"]} & set(ids[:10])
    assert every_hit(search.test_client(), first["result_set"], limit=100) == first["hits"]


def generation(app: Flask) -> Any:
    listed = app.test_client().get("/v1/catalogues").json
    return listed and listed["catalogues"] and listed["catalogues"][0]["generation"]


def test_an_evicted_answer_of_an_earlier_generation_is_computed_again(
    own_data: Path, tiny_models: Path, start_search: Start
) -> None:
    app = start_search(own_data, answers_disk_mb=0, answers_in_memory=1)
    client = app.test_client()
    first = ask(client, text="red", limit=1000)
    ids = [hit["id"] for hit in first["hits"]]
    labelled = ask(client, text="red", positive=ids[:6], negative=ids[-4:], limit=1000)
    preprocessing = Preprocessing(tiny_models, own_data)
    preprocessing("delete", NAME, "--id", ids[0], "--id", ids[1])
    wait_for(app, lambda: generation(app) == 2)
    assert ask(client, text="red", limit=1000)["total"] == IMAGES - 2
    for answer in (first, labelled, first):
        assert every_hit(client, answer["result_set"], limit=500) == answer["hits"]
    gained = client.get(f"/v1/catalogues/{NAME}/results/{first['result_set']}/changes?since={labelled['result_set']}")
    assert gained.status_code == 200


def test_the_data_service_finds_what_is_new_before_its_next_look(
    own_data: Path, tiny_models: Path, start_data: Start
) -> None:
    client = start_data(own_data, catalogue_check_s=3_600).test_client()
    assert client.get(f"/v1/catalogues/{NAME}/items/{IMAGES + 1}").status_code == 404
    thumbnail = f"/v1/catalogues/{NAME}/items/9/image?width=80"
    assert client.get(thumbnail).status_code == 200
    preprocessing = Preprocessing(tiny_models, own_data)
    preprocessing("delete", NAME, "--id", 1)
    assert client.get(f"/v1/catalogues/{NAME}/items/1").status_code == 200  # not looked for: it is there
    assert client.get(f"/v1/catalogues/{NAME}/items?ids=1,2,{IMAGES + 5}").json["missing"] == [1, IMAGES + 5]  # type: ignore[index]
    assert len(list((own_data / "cache" / "thumbnails").rglob("*.webp"))) == 1
    assert client.get(thumbnail).status_code == 200
