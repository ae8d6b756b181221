"""The base of every service's app factory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import Response, redirect, request
from flask.typing import ResponseReturnValue
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from flask_openapi3_swagger.plugins import RegisterPlugin as SwaggerPage
from pydantic import BaseModel
from werkzeug.middleware.proxy_fix import ProxyFix

from clip_branches import __version__
from clip_branches.access import check_exposure
from clip_branches.schemas import ErrorResponse
from clip_branches.service import errors, guard, health, limits, logs, metrics, tracing
from clip_branches.service.requests import StrictRequest
from clip_branches.settings import ServiceSettings

SMALL_BODY = 64 * 1024


def create_base_app(
    import_name: str,
    settings: ServiceSettings,
    *,
    title: str,
    description: str,
    readiness: Callable[[], Sequence[str]] = tuple,
    max_body: int = SMALL_BODY,
    **flask_options: Any,
) -> OpenAPI:
    """A Flask app with JSON errors, /livez, /readyz, /metrics, /openapi.json and a docs page at /docs.

    ``readiness`` returns the reasons why the service cannot serve yet (none: ready); it is called by each /readyz and
    must be quick. ``max_body`` is the longest request body in bytes, anything longer is answered 413.
    ``flask_options`` go to Flask (static_folder, template_folder ...). The settings are ``app.config["SETTINGS"]``.
    Raises ConfigurationError where the service would be open to strangers.
    """
    check_exposure(settings)
    logs.configure_logging(settings.log_level, settings.service)
    app = OpenAPI(
        import_name,
        info=Info(title=title, version=__version__, description=description),
        security_schemes={},
        responses=dict.fromkeys((400, 401, 403, 404, 413, 414, 415, 429, 431, 500, 503), ErrorResponse),
        validation_error_status=400,
        validation_error_model=ErrorResponse,
        validation_error_callback=errors.raise_invalid,
        doc_ui=False,
        **flask_options,
    )
    app.request_class = StrictRequest
    if settings.proxies:
        hops = settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_prefix=hops)  # type: ignore[method-assign]
    app.config["SETTINGS"] = settings
    app.config["MAX_CONTENT_LENGTH"] = max_body
    # Field order is part of the answer: sorted keys would put "boxes" before "total" for no gain.
    app.json.sort_keys = False  # type: ignore[attr-defined]

    tracing.register(app, settings)
    logs.register(app)
    metrics.register(app, places=settings.workers * settings.threads)
    limits.register(app, settings)
    errors.register(app)
    guard.register(app, settings)
    health.register(app, readiness)
    app.extensions["readiness"] = readiness
    _register_docs(app)
    app.after_request(_harden)
    return app


def json_response(model: BaseModel, status: int = 200) -> Response:
    """The model as a JSON response; serialised by pydantic, several times faster than through Flask for long lists."""
    return Response(model.model_dump_json(), status, content_type="application/json")


def _register_docs(app: OpenAPI) -> None:
    """The OpenAPI document and a Swagger page whose scripts are served from here: nothing is fetched from elsewhere."""

    def openapi() -> dict[str, Any]:
        return dict(app.api_doc)

    def docs() -> ResponseReturnValue:
        return redirect("docs/swagger")

    app.add_url_rule("/openapi.json", "openapi", openapi)
    app.add_url_rule("/docs", "docs", docs)
    app.register_blueprint(SwaggerPage.register(doc_url="../openapi.json"), url_prefix="/docs")


def _harden(response: Response) -> Response:
    # An answer is read by programs. Should a browser be led to one as a page, it runs nothing and is in no frame.
    if not request.path.startswith("/docs"):
        response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    return response
