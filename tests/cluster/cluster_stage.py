"""One catalogue of several segments, served twice: by the local engine, and by the shards of a real cluster."""

from __future__ import annotations

import functools
import itertools
import os
import shutil
import signal
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from flask import Flask

from clip_branches.catalogue import Catalogue, CatalogueWriter
from clip_branches.cluster.replicas import Replica
from clip_branches.engine import BoxIndex, index_order
from clip_branches.settings import SearchSettings
from search_service.app import create_app
from tests.pipeline.support import Preprocessing, write_images, write_tiny_model

NAME = "spread"
SEGMENTS = (2_600, 1_400, 900, 3_000, 1)
DELETED = (5, 77, 2_700, 4_999, 5_000, 7_899)
_LONG_S = 300.0  # for what comes sooner or later, however busy the machine is
Json = dict[str, Any]


def make_data(folder: Path) -> Path:
    """A data folder with the catalogue "spread": five segments, some of their images deleted; and the tiny model."""
    write_tiny_model(folder / "models" / "tiny", 0)
    preprocessing = Preprocessing(folder / "models", folder)
    write_images(folder / "sources" / "seed", 12)
    preprocessing.build(folder / "sources" / "seed", name="seed")
    seed = folder / "catalogues" / "seed"
    generator = np.random.default_rng(0)
    centres = generator.integers(60, 196, (12, 32))
    with CatalogueWriter(
        folder / "catalogues" / NAME,
        name=NAME,
        title="Spread",
        image_root=folder / "sources" / "seed",
        encoder=Catalogue.open(seed).encoder,
    ) as writer:
        for rows in SEGMENTS:
            noisy = centres[generator.integers(0, 12, rows)] + generator.normal(0, 25, (rows, 32))
            codes = np.clip(noisy, 0, 255).astype(np.uint8)
            index = BoxIndex.build(codes[index_order(codes)], presorted=True, block_size=64)
            writer.add_segment(_items(generator.permutation(writer.new_ids(rows))), None, index.save)
        writer.commit()
    shutil.rmtree(seed)
    preprocessing("delete", NAME, *(part for item in DELETED for part in ("--id", item)))
    return folder


def copy_data(made: Path, folder: Path) -> Path:
    """A copy of its own in ``folder``: it may be changed."""
    return Path(shutil.copytree(made, folder, dirs_exist_ok=True))


def _items(ids: Any) -> pa.Table:
    return pa.table(
        {
            "id": ids.astype(np.uint64),
            "source": [f"{number % 12:04d}.png" for number in range(len(ids))],
            "caption": [f"picture {item}" for item in ids.tolist()],
            "width": np.full(len(ids), 40),
            "height": np.full(len(ids), 40),
            "sha256": ["0" * 64] * len(ids),
            "style": [("ink", "oil", "chalk")[item % 3] for item in ids.tolist()],
        }
    )


def start(data: Path, **changes: Any) -> Flask:
    """The search service over ``data``, ready."""
    values = {
        "data_dir": data,
        "models_dir": data / "models",
        "catalogue_check_s": 0.1,
        "log_level": "ERROR",
        "unlabelled": 200,
        "engine_threads": 1,
        "ray_cpus": 0.1,
        "ray_start_s": _LONG_S,
        "ray_timeout_s": 60,  # how quick a busy machine is, is not what is tested
    }
    app = create_app(SearchSettings(**{**values, **changes}))
    until(lambda: app.test_client().get("/readyz").status_code == 200)
    return app


def stop(*apps: Flask) -> None:
    """End the services and their shards: those end with the connection."""
    for app in apps:
        app.extensions["search"].stop()
    import ray

    ray.shutdown()


def until(condition: Callable[[], bool], seconds: float = _LONG_S) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"It did not come true in {seconds} s.")
        time.sleep(0.05)


def requests(count: int, seed: int) -> list[Json]:
    """Random searches: words, labels, both, of every model."""
    generator = np.random.default_rng(seed)
    live = np.setdiff1d(np.arange(1, sum(SEGMENTS) + 1), DELETED)
    bodies: list[Json] = []
    for number in range(count):
        body: Json = {"limit": int(generator.integers(1, 300))}
        labels = generator.choice(live, 30, replace=False).tolist()
        if number % 4 != 3:
            body["text"] = f"{generator.choice(['a boat', 'ink', 'red', 'a house'])} {number}"
        if number % 4:
            right, wrong = generator.integers(1, 12), generator.integers(0, 12)
            body |= {"positive": labels[:right], "negative": labels[right : right + wrong]}
            body["model"] = str(generator.choice(["auto", "linear", "branch", "ensemble"]))
            body["seed"] = int(generator.integers(0, 99))
        bodies.append(body)
    return bodies


def told(answer: Any) -> Json:
    """What a search answered, without its times."""
    assert answer.status_code == 200, answer.text
    return {key: value for key, value in answer.json.items() if key not in ("timings_ms", "reading")}


def engine_of(app: Flask) -> Any:
    return app.extensions["search"].shelf.get(NAME).engine


def in_actor(replica: Replica, what: str) -> Any:
    """ "pid" or "node" of an actor."""
    import ray

    def asked(actor: Any, what: str) -> Any:
        return os.getpid() if what == "pid" else ray.get_runtime_context().get_node_id()

    return ray.get(replica.actor.__ray_call__.remote(asked, what), timeout=_LONG_S)


def kill_actor(replica: Replica, how: signal.Signals = signal.SIGKILL) -> int:
    """Send the actor's process a signal; its id."""
    process = int(in_actor(replica, "pid"))
    os.kill(process, how)
    return process


def all_well(app: Flask) -> Callable[[], bool]:
    """Whether every replica of every shard answers."""
    return lambda: all(shard.well == len(shard.replicas) for shard in engine_of(app).shards)


class Load:
    """Threads that send searches whose answers are known; what came back otherwise is kept.

    After each answer a thread rests for as long as that took: what has died must find time to start again, on a
    machine with one processor too.
    """

    def __init__(self, app: Flask, bodies: Sequence[Json], answers: Sequence[Json], threads: int = 3) -> None:
        self.wrong: list[str] = []
        self.refused: list[Json] = []
        self.unready: list[Json] = []
        self.right = 0
        self._app, self._bodies, self._answers, self._count = app, bodies, answers, threads
        self._stop = threading.Event()
        self._lock = threading.Lock()
        work = [*(functools.partial(self._run, number) for number in range(threads)), self._look]
        self._threads = [threading.Thread(target=self._kept, args=(part,)) for part in work]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def go_on(self, answers: int) -> None:
        """Returns after so many right answers more."""
        before = self.right
        self.until(lambda: self.right >= before + answers)

    def until(self, condition: Callable[[], bool]) -> None:
        """Returns when the condition holds; anything wrong ends it at once."""
        until(lambda: condition() or bool(self.wrong))
        assert self.wrong == []

    def _kept(self, part: Callable[[], None]) -> None:
        try:
            part()
        except Exception:  # noqa: BLE001 - told by the test's own thread
            self.wrong.append(traceback.format_exc())

    def _run(self, number: int) -> None:
        client = self._app.test_client()
        for place in itertools.count(number, self._count):
            began = time.monotonic()
            body, answer = self._bodies[place % len(self._bodies)], self._answers[place % len(self._bodies)]
            got = client.post(f"/v1/catalogues/{NAME}/search", json=body)
            with self._lock:
                if got.status_code == 503:
                    self.refused.append({**got.json["error"], "retry_after": got.headers.get("Retry-After")})
                elif got.status_code != 200 or told(got) != answer:
                    self.wrong.append(f"{body}: {got.status_code} {got.text[:500]}")
                else:
                    self.right += 1
            if self._stop.wait(max(0.05, time.monotonic() - began)):
                return

    def _look(self) -> None:
        client = self._app.test_client()
        while not self._stop.wait(0.1):
            got = client.get("/readyz")
            if got.status_code == 503:
                self.unready.append(got.json)
