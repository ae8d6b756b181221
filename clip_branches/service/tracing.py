"""OpenTelemetry traces over OTLP/HTTP, where the setting ``otlp_endpoint`` names a collector; else nothing is loaded.

Every request is a span, so is every call to another service, which takes the trace's id along (W3C
``traceparent``), and so is every step of a search. OpenTelemetry's own variables hold: OTEL_TRACES_SAMPLER,
OTEL_RESOURCE_ATTRIBUTES, OTEL_EXPORTER_OTLP_HEADERS. A collector that is slow or away costs spans, never a request.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, current_app, has_app_context

from clip_branches import __version__
from clip_branches.errors import ConfigurationError
from clip_branches.settings import ServiceSettings

_TRACER = "tracer"
_EXPORT_TIMEOUT_S = 3
_UNTRACED = "livez,readyz,metrics,static"


def register(app: Flask, settings: ServiceSettings) -> None:
    """Traces the app's requests and its calls to other services, if a collector is named.

    Raises ConfigurationError when the packages for it are not installed.
    """
    if not settings.otlp_endpoint:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.flask import FlaskInstrumentor
        from opentelemetry.instrumentation.requests import RequestsInstrumentor
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigurationError(
            "The setting 'otlp_endpoint' asks for traces, which need the packages of requirements-tracing.txt: "
            f"`pip install -r requirements-tracing.txt`. ({error})"
        ) from error
    resource = Resource.create({"service.name": f"clip-branches-{settings.service}", "service.version": __version__})
    provider = TracerProvider(resource=resource)
    address = f"{settings.otlp_endpoint.rstrip('/')}/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(address, timeout=_EXPORT_TIMEOUT_S)))
    FlaskInstrumentor().instrument_app(  # type: ignore[no-untyped-call]
        app, tracer_provider=provider, excluded_urls=_UNTRACED
    )
    RequestsInstrumentor().instrument(tracer_provider=provider)
    app.extensions[_TRACER] = provider.get_tracer("clip_branches", __version__)


@contextmanager
def span(name: str) -> Iterator[None]:
    """A step as a span of the request's trace; nothing where there is none."""
    tracer = _tracer()
    if tracer is None:
        yield
        return
    with tracer.start_as_current_span(name):
        yield


def trace_id() -> str | None:
    """The id of the trace that the current request belongs to, 32 hexadecimal digits, or None."""
    if _tracer() is None:
        return None
    from opentelemetry.trace import format_trace_id, get_current_span

    context = get_current_span().get_span_context()
    return format_trace_id(context.trace_id) if context.is_valid else None


def _tracer() -> Any:
    return current_app.extensions.get(_TRACER) if has_app_context() else None
