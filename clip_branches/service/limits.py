"""A bounded number of requests at work, a bounded number that wait, and the word to come back for all others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from flask import Flask, Response, g, request

from clip_branches import cancelling
from clip_branches.errors import ServiceUnavailable
from clip_branches.service.measures import place
from clip_branches.settings import ServiceSettings

# What tells how the service is must be told while it is busy.
ALWAYS = frozenset(("/livez", "/readyz", "/metrics"))
SPARE_THREADS = 4  # beyond those at work and waiting: for these, and to say no


@dataclass
class Places:
    """``at_work`` requests at once; ``waiting`` others wait their turn, ``wait_s`` seconds at most.

    ``told`` is called with how many there are whenever that changes.
    """

    at_work: int
    waiting: int
    wait_s: float
    told: Callable[[int], None] = field(default_factory=lambda: lambda inside: None, init=False)
    _inside: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._free = threading.Semaphore(self.at_work)
        self._lock = threading.Lock()

    @property
    def inside(self) -> int:
        """Requests at work and waiting."""
        return self._inside

    def take(self) -> None:
        """A place, at once or after a while; ServiceUnavailable where there is none to be had."""
        with self._lock:
            if self._inside >= self.at_work + self.waiting:
                raise ServiceUnavailable(
                    f"The service is busy: {self.at_work} requests are at work and {self.waiting} wait. "
                    "Try again in a second."
                )
            self._change(1)
        if not self._free.acquire(timeout=self.wait_s):
            with self._lock:
                self._change(-1)
            raise ServiceUnavailable(
                f"The service is busy: the request waited {self.wait_s:g} s for its turn. Try again in a second."
            )

    def give_back(self) -> None:
        """Lets the next one in."""
        with self._lock:
            self._change(-1)
        self._free.release()

    def _change(self, by: int) -> None:
        self._inside += by
        self.told(self._inside)


def register(app: Flask, settings: ServiceSettings) -> None:
    """Each request takes a place until its answer is sent, and is work that ends when its client goes away."""
    places = Places(settings.threads, settings.waiting, settings.wait_s)
    app.extensions["places"] = places
    metrics = app.extensions["metrics"]

    def told(inside: int) -> None:
        metrics.held.set(inside)
        metrics.waiting.set(max(0, inside - places.at_work))

    places.told = told

    @app.before_request
    def enter() -> None:
        if request.path in ALWAYS:
            return
        with place("queued"):
            places.take()
        g.leave = _Leave(places)
        work = cancelling.Work(request.environ.get("gunicorn.socket"), settings.request_s)
        cancelling.begin(work)
        work.check()  # who waited for a place may have gone meanwhile

    @app.after_request
    def stream(response: Response) -> Response:
        """A streamed answer is worked on until its last piece is sent."""
        leave: _Leave | None = g.get("leave")
        if leave is not None and response.is_streamed and not response.direct_passthrough and _has_body(response):
            work = cancelling.current_work()
            if work is not None:
                work.unlimited()
            leave.later = True
            response.response = _sent(response.iter_encoded(), leave)
            response.call_on_close(leave)  # also one of which nothing was ever sent
        return response

    @app.teardown_request
    def left(error: BaseException | None) -> None:
        leave: _Leave | None = g.get("leave")
        if leave is not None and not leave.later:
            leave()


class _Leave:
    """Gives a place back, once."""

    def __init__(self, places: Places) -> None:
        self._places: Places | None = places
        self.later = False

    def __call__(self) -> None:
        places, self._places = self._places, None
        if places is not None:
            cancelling.begin(None)
            places.give_back()


def _sent(pieces: Iterator[bytes], leave: _Leave) -> Iterator[bytes]:
    try:
        yield from pieces
    finally:
        leave()


def _has_body(response: Response) -> bool:
    """Whether the server will read the answer, and so close it."""
    return request.method != "HEAD" and response.status_code not in (204, 304)
