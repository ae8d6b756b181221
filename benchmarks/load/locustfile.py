"""People who search, label and look, against a web service: locust -f benchmarks/load/locustfile.py --host ADDRESS.

Each asks for the page, searches by words, fetches thumbnails of the first hits, labels some and refines, reads a later
page, and now and then saves the answer. A 503 that says when to come back is obeyed and counted apart; a 503 without
Retry-After, any other 5xx and anything cut short is a failure. ``CATALOGUE`` names the catalogue (else the first).
"""

from __future__ import annotations

import os
import random
import time
from typing import Any

import gevent
from locust import HttpUser, between, events, task
from locust.env import Environment
from locust.exception import RescheduleTask

_WORDS = ("red boat", "a house in the snow", "two birds", "green", "ink drawing", "picture", "night", "tree", "a car")
_PICTURES = 6
_LONGEST_WAIT_S = 5.0
_TELL_S = 10.0


@events.init.add_listener
def count_refusals(environment: Environment, **_: Any) -> None:
    """Refusals that were polite are no failures, and are told beside them."""
    environment.refused = 0  # type: ignore[attr-defined]
    gevent.spawn(_keep_telling, environment)


@events.quitting.add_listener
def tell_at_the_end(environment: Environment, **_: Any) -> None:
    _tell(environment)
    environment.process_exit_code = 1 if environment.stats.total.num_failures else 0


def _keep_telling(environment: Environment) -> None:
    while True:
        gevent.sleep(_TELL_S)
        _tell(environment)


def _tell(environment: Environment) -> None:
    total = environment.stats.total
    slow = total.get_response_time_percentile(0.99)
    print(
        f"LOAD requests={total.num_requests} failures={total.num_failures} "
        f"refused={environment.refused} p50_ms={total.median_response_time} p99_ms={slow}",  # type: ignore[attr-defined]
        flush=True,
    )


class Person(HttpUser):
    """Works as fast as a person in a hurry does."""

    wait_time = between(0.2, 1.5)
    # Wide apart users are the point, not one after another down a single connection.
    connection_timeout = network_timeout = 60.0

    def on_start(self) -> None:
        self.chance = random.Random()
        self.catalogue = os.environ.get("CATALOGUE") or self._asked("GET", "/api/catalogues")["catalogues"][0]["name"]

    @task(8)
    def search_label_and_refine(self) -> None:
        text = f"{self.chance.choice(_WORDS)} {self.chance.randrange(40)}"
        first = self._search({"text": text, "limit": 60})
        ids = [hit["id"] for hit in first["hits"]]
        self._look_at(ids)
        labels = {"positive": ids[:3], "negative": ids[-2:]}
        refined = self._search({"text": text, "limit": 60, **labels})
        self._look_at([hit["id"] for hit in refined["hits"]])
        path = f"/api/catalogues/{self.catalogue}/results/{refined['result_set']}"
        self._asked("GET", f"{path}?offset=60&limit=60", "a later page")
        self._asked("GET", f"{path}/changes?since={first['result_set']}", "changes")

    @task(2)
    def open_the_page(self) -> None:
        self._asked("GET", "/", "the page", of_json=False)

    @task(1)
    def save(self) -> None:
        found = self._search({"text": self.chance.choice(_WORDS), "limit": 1, "positive": [], "negative": []})
        body = {"name": "load", "catalogue": self.catalogue, "result_set": found["result_set"]}
        made = self._asked("POST", "/api/saved/searches", "save", json=body)
        body = {"version": made["version"]}
        self._asked("DELETE", f"/api/saved/searches/{made['id']}", "delete", json=body)

    def _search(self, body: dict[str, Any]) -> dict[str, Any]:
        return self._asked("POST", f"/api/catalogues/{self.catalogue}/search", "search", json=body)

    def _look_at(self, ids: list[int]) -> None:
        for item in ids[:_PICTURES]:
            self._asked("GET", f"/api/catalogues/{self.catalogue}/items/{item}/image?width=160", "image", of_json=False)

    def _asked(self, method: str, path: str, name: str | None = None, *, of_json: bool = True, **body: Any) -> Any:
        with self.client.request(method, path, name=name, catch_response=True, **body) as answer:
            if answer.status_code == 503 and "Retry-After" in answer.headers:
                answer.success()
                self.environment.refused += 1  # type: ignore[attr-defined]
                time.sleep(min(_LONGEST_WAIT_S, float(answer.headers["Retry-After"])))
                raise RescheduleTask
            if answer.status_code >= 400 or answer.status_code == 0:
                answer.failure(f"{answer.status_code}: {(answer.text or '')[:200]}")
                raise RescheduleTask
            answer.success()
            return answer.json() if of_json else answer.content
