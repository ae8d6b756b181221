"""What the code of a service tells its metrics and traces; outside of a request it tells nobody, and costs nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app, has_app_context

from clip_branches.service.metrics import Metrics
from clip_branches.service.tracing import span


@contextmanager
def stage(name: str) -> Iterator[None]:
    """A step of a request: its time goes into the histogram of steps, and it is a span of the trace if there is one."""
    metrics = _metrics()
    started = time.perf_counter()
    with span(name):
        try:
            yield
        finally:
            if metrics is not None:
                metrics.stages.labels(name).observe(time.perf_counter() - started)


@contextmanager
def place(state: str) -> Iterator[None]:
    """Counts the request among those that are "admitted", "waiting" or "computing"."""
    metrics = _metrics()
    if metrics is None:
        yield
        return
    with metrics.places.labels(state).track_inprogress():
        yield


def upstream(name: str, outcome: str, seconds: float) -> None:
    """Notes how long another service took to begin its answer; "answered", "refused", "failed" or "cancelled"."""
    metrics = _metrics()
    if metrics is not None:
        metrics.upstream_seconds.labels(name, outcome).observe(seconds)


def _metrics() -> Metrics | None:
    found = current_app.extensions.get("metrics") if has_app_context() else None
    return found if isinstance(found, Metrics) else None
