"""Which scope each route of the three services asks for: the one place that says so.

    read    searching, looking, files of answers, reading what one has saved
    label   marking images and judging samples; saving, changing and deleting what is one's own
    admin   figures of the service itself: a scraper of /metrics needs no more than this

A route that is not named here is for "admin" alone, and a test fails until it is named.
"""

from __future__ import annotations

OPEN = "open"  # asks for nothing

_SAVED = "/saved/searches/<key>"
_COLLECTION = "/saved/collections/<key>"
_NAMED = "/catalogues/<name>"
_RESULT = f"{_NAMED}/results/<result_set>"

# Routes below /v1 (search and data) and /api (web) are named without that prefix: they are the same calls.
_SCOPES: dict[str, tuple[str, ...]] = {
    OPEN: (
        "GET /livez",
        "GET /readyz",
        "GET /favicon.ico",
        "GET /login",
        "POST /login",
        "POST /logout",
        "GET /login/away",
        "GET /login/back",
        "GET /static/<version>/<path:name>",
        "GET /static/<path:filename>",
    ),
    "admin": ("GET /metrics",),
    "read": (
        "GET /",
        "GET /saved",
        "GET /docs",
        "GET /docs/swagger",
        "GET /docs/swagger/<path:filename>",
        "GET /docs/oauth2-redirect.html",
        "GET /openapi.json",
        "GET /catalogues",
        f"POST {_NAMED}/search",
        f"POST {_NAMED}/image-search",
        f"POST {_NAMED}/export",
        f"GET {_NAMED}/items",
        f"GET {_NAMED}/items/<int:id>",
        f"GET {_NAMED}/items/<int:id>/image",
        f"GET {_RESULT}",
        f"GET {_RESULT}/alike",
        f"GET {_RESULT}/boxes",
        f"GET {_RESULT}/changes",
        f"GET {_RESULT}/check",
        f"GET {_RESULT}/cuts",
        f"GET {_RESULT}/export",
        f"GET {_RESULT}/facets",
        f"GET {_RESULT}/figures",
        f"GET {_RESULT}/ids",
        f"GET {_RESULT}/items/<int:id>",
        f"GET {_RESULT}/map",
        "GET /indices-list",
        "POST /knn-service",
        "POST /metadata",
        f"GET {_SAVED}",
        f"GET {_SAVED}/items",
        f"GET {_SAVED}/export",
        f"GET {_COLLECTION}",
        f"GET {_COLLECTION}/items",
        f"GET {_COLLECTION}/export",
        "POST /saved/collections/count",
    ),
    "label": (
        f"POST {_NAMED}/suggest",
        f"POST {_RESULT}/check",
        "POST /saved/searches",
        f"PATCH {_SAVED}",
        f"DELETE {_SAVED}",
        f"POST {_SAVED}/restore",
        f"POST {_SAVED}/run",
        f"POST {_SAVED}/renew",
        "POST /saved/collections",
        f"PATCH {_COLLECTION}",
        f"DELETE {_COLLECTION}",
        f"POST {_COLLECTION}/restore",
    ),
}
_OF_ROUTE = {route: scope for scope, routes in _SCOPES.items() for route in routes}


def scope_of(method: str, rule: str) -> str | None:
    """The scope that a route asks for, ``OPEN`` for none; None for a route that is not in the table."""
    method = "GET" if method == "HEAD" else method
    for prefix in ("", "/api", "/v1"):
        if rule.startswith(prefix):
            scope = _OF_ROUTE.get(f"{method} {rule.removeprefix(prefix)}")
            if scope is not None:
                return scope
    return None
