"""/metrics for Prometheus: is it slow, is it failing, is it full.

The registry is the app's (``app.extensions["metrics"]``), so two apps never share counts. With several worker
processes PROMETHEUS_MULTIPROC_DIR is set: counts then lie in files there, and any worker answers for all of them.
prometheus_client reads that variable when it is imported, so it is imported when an app is made and no earlier.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from flask import Flask, Response, g, request

from clip_branches import __version__

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Metric

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_REFRESH_S = 1.0


class Collector(Protocol):
    """What has figures to give whenever it is asked."""

    def collect(self) -> Iterable[Metric]:
        """The figures as they are now."""


class Metrics:
    """The metrics of one app; everything here may be used by any number of threads."""

    def __init__(self, *, places: int) -> None:
        """``places``: requests that all worker processes together answer at once."""
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        from clip_branches.service.process import ProcessFigures

        self.registry = registry = CollectorRegistry()
        self.collectors: list[Collector] = []
        labels = ("method", "route", "status")
        self.served = Counter("http_requests_total", "Requests answered.", labels, registry=registry)
        self.seconds = Histogram("http_request_seconds", "Time to answer.", labels, buckets=_BUCKETS, registry=registry)
        self.in_progress = Gauge(
            "http_requests_in_progress", "Requests being answered now.", registry=registry, multiprocess_mode="livesum"
        )
        self.held = Gauge(
            "http_requests_held",
            "Requests at work or waiting, streams until their end.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.waiting = Gauge(
            "http_requests_waiting",
            "Requests that wait for a thread.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.stages = Histogram(
            "stage_seconds", "Time of one step of a request.", ("stage",), buckets=_BUCKETS, registry=registry
        )
        self.places = Gauge(
            "work_places",
            "Requests that wait for a place, or have one.",
            ("state",),
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.upstream_seconds = Histogram(
            "upstream_seconds",
            "Time until another service began to answer, or did not.",
            ("upstream", "outcome"),
            buckets=_BUCKETS,
            registry=registry,
        )
        threads = Gauge(
            "http_request_places",
            "Requests that can be answered at once.",
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        threads.set(places)
        build = Gauge(
            "clip_branches_build_info",
            "1; the version is its label.",
            ("version",),
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        build.labels(__version__).set(1)
        self._process = ProcessFigures(registry)
        self._refreshed = 0.0

    def add(self, collector: Collector) -> None:
        """Figures of the process that answers: what is the same in every worker."""
        self.collectors.append(collector)
        self.registry.register(collector)

    def refresh(self, *, at_most_every_s: float = 0.0) -> None:
        """Take the process's own figures anew."""
        now = time.monotonic()
        if now - self._refreshed >= at_most_every_s:
            self._refreshed = now
            self._process.refresh()

    def text(self) -> bytes:
        """All figures in Prometheus's text format, of all worker processes."""
        from prometheus_client import generate_latest

        self.refresh()
        return generate_latest(self._all())

    def _all(self) -> CollectorRegistry:
        if MULTIPROCESS not in os.environ:
            return self.registry
        from prometheus_client import CollectorRegistry
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        for collector in self.collectors:
            registry.register(collector)
        return registry


def register(app: Flask, *, places: int) -> None:
    """Adds /metrics and counts every request."""
    from prometheus_client import CONTENT_TYPE_LATEST

    metrics = app.extensions["metrics"] = Metrics(places=places)

    @app.before_request
    def begin() -> None:
        g.metrics_started = time.perf_counter()
        metrics.in_progress.inc()

    @app.after_request
    def count(response: Response) -> Response:
        # The rule, not the path: a label per id or per guessed address would grow without end.
        route = request.url_rule.rule if request.url_rule is not None else "unknown"
        values = (_method(), route, str(response.status_code))
        metrics.served.labels(*values).inc()
        if "metrics_started" in g:
            metrics.seconds.labels(*values).observe(time.perf_counter() - g.metrics_started)
        metrics.refresh(at_most_every_s=_REFRESH_S)
        return response

    @app.teardown_request
    def end(error: BaseException | None) -> None:
        if g.pop("metrics_started", None) is not None:
            metrics.in_progress.dec()

    def answer() -> Response:
        return Response(metrics.text(), content_type=CONTENT_TYPE_LATEST)

    app.add_url_rule("/metrics", "metrics", answer)


def _method() -> str:
    return request.method if request.method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH") else "other"
