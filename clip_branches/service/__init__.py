"""What every service has: app factory base, one JSON error shape, request ids, JSON logs, health and metrics.

The only part of the library that imports Flask; it imports neither torch nor numba, so that light services stay light.

    app = create_base_app("data_service", settings, title="Data", description="...", readiness=state.problems)
    app.get("/v1/...", responses={200: ItemsResponse})(view)
"""

from __future__ import annotations

from clip_branches.service.app import create_base_app, json_response
from clip_branches.service.errors import error_response, status_of
from clip_branches.service.guard import current_caller, require
from clip_branches.service.gunicorn import gunicorn_options
from clip_branches.service.logs import current_request_id, upstream_headers

__all__ = [
    "create_base_app",
    "current_caller",
    "current_request_id",
    "error_response",
    "gunicorn_options",
    "json_response",
    "require",
    "status_of",
    "upstream_headers",
]
