"""/livez: the process answers. /readyz: it can serve, or the reasons why not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import Response
from flask_openapi3.openapi import OpenAPI

from clip_branches.schemas import Health


def register(app: OpenAPI, readiness: Callable[[], Sequence[str]]) -> None:
    """Adds the two health endpoints."""

    def livez() -> Response:
        """Whether the process answers at all; never waits for anything."""
        return _health(())

    def readyz() -> Response:
        """Whether the service can serve now; 503 with the reasons while it cannot."""
        return _health(readiness())

    app.get("/livez", summary="Is the process alive?", responses={200: Health})(livez)
    app.get("/readyz", summary="Can it serve?", responses={200: Health, 503: Health})(readyz)


def _health(reasons: Sequence[str]) -> Response:
    body = Health(status="unavailable" if reasons else "ok", reasons=list(reasons))
    response = Response(body.model_dump_json(), 503 if reasons else 200, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
