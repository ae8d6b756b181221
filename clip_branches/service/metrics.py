"""/metrics: request counts, latency and requests in progress, for Prometheus."""

from __future__ import annotations

import time

from flask import Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


def register(app: Flask) -> None:
    """Adds /metrics; the registry is the app's (``app.extensions["metrics"]``), so two apps never share counts."""
    registry = CollectorRegistry()
    app.extensions["metrics"] = registry
    labels = ("method", "route", "status")
    served = Counter("http_requests_total", "Requests answered.", labels, registry=registry)
    seconds = Histogram("http_request_seconds", "Time to answer.", labels, buckets=_BUCKETS, registry=registry)
    in_progress = Gauge("http_requests_in_progress", "Requests being answered now.", registry=registry)

    @app.before_request
    def begin() -> None:
        g.metrics_started = time.perf_counter()
        in_progress.inc()

    @app.after_request
    def count(response: Response) -> Response:
        # The rule, not the path: a label per id or per guessed address would grow without end.
        route = request.url_rule.rule if request.url_rule is not None else "unknown"
        values = (_method(), route, str(response.status_code))
        served.labels(*values).inc()
        if "metrics_started" in g:
            seconds.labels(*values).observe(time.perf_counter() - g.metrics_started)
        return response

    @app.teardown_request
    def end(error: BaseException | None) -> None:
        if g.pop("metrics_started", None) is not None:
            in_progress.dec()

    def metrics() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    app.add_url_rule("/metrics", "metrics", metrics)


def _method() -> str:
    return request.method if request.method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH") else "other"
