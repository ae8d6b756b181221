"""Response headers that keep the page to its own origin."""

from __future__ import annotations

from flask import Flask, Response, request

# No 'unsafe-inline': scripts and styles are files of this service, sizes are set through the CSSOM.
_PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "form-action 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
# The API documentation is a third-party page (Swagger UI) that starts itself with an inline script.
_DOCS_POLICY = _PAGE_POLICY.replace("script-src 'self'", "script-src 'self' 'unsafe-inline'").replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)


def register(app: Flask) -> None:
    """Sets the headers on every response of the app."""

    @app.after_request
    def secure(response: Response) -> Response:
        policy = _DOCS_POLICY if request.path.startswith("/docs") else _PAGE_POLICY
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        # A shared link holds the query: no other site is told it.
        response.headers.setdefault("Referrer-Policy", "no-referrer")
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        return response
