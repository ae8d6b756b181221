"""JSON logs on standard output, one object a line, and the id that follows a request through the services."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import uuid
from datetime import UTC, datetime
from typing import Any, TextIO

from flask import Flask, Response, g, has_request_context, request

from clip_branches.service.tracing import trace_id

REQUEST_ID_HEADER = "X-Request-ID"
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_QUIET_PATHS = frozenset(("/livez", "/readyz", "/metrics"))
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_access = logging.getLogger("clip_branches.access")


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON: time, level, service, logger, message and the record's ``extra``.

    Within a request also its id, and that of its trace if there is one.
    """

    def __init__(self, service: str = "-") -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if has_request_context():
            line["request_id"] = current_request_id()
            if (trace := trace_id()) is not None:
                line["trace_id"] = trace
        line.update({key: value for key, value in vars(record).items() if key not in _STANDARD})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class _StdoutHandler(logging.StreamHandler[TextIO]):
    """Writes to whatever ``sys.stdout`` is now, as a test runner or a supervisor may have replaced it."""

    @property
    def stream(self) -> TextIO:
        return sys.stdout

    @stream.setter
    def stream(self, value: TextIO) -> None:
        """The stream is always the current standard output."""


def configure_logging(level: str, service: str = "-") -> None:
    """JSON lines on standard output for the whole process; calling it again only changes the level."""
    root = logging.getLogger()
    if not any(isinstance(handler, _StdoutHandler) for handler in root.handlers):
        handler = _StdoutHandler()
        handler.setFormatter(JsonFormatter(service))
        root.addHandler(handler)
    root.setLevel(level)


def current_request_id() -> str:
    """The id of the request being served, or "-" outside of one."""
    if not has_request_context():
        return "-"
    if "request_id" not in g:
        sent = request.headers.get(REQUEST_ID_HEADER, "")
        g.request_id = sent if _SANE_ID.fullmatch(sent) else uuid.uuid4().hex
    return str(g.request_id)


def upstream_headers() -> dict[str, str]:
    """Headers for a call to another service on behalf of this request, so that both log the same id."""
    return {REQUEST_ID_HEADER: current_request_id()}


def register(app: Flask) -> None:
    """Every response carries its request id, and is logged once."""

    @app.before_request
    def start_clock() -> None:
        g.started = time.perf_counter()
        current_request_id()

    @app.after_request
    def log_request(response: Response) -> Response:
        response.headers[REQUEST_ID_HEADER] = current_request_id()
        level = logging.DEBUG if request.path in _QUIET_PATHS else logging.INFO
        _access.log(
            level,
            "request",
            extra={
                "method": request.method,
                "path": request.path,
                "status": response.status_code,
                "ms": round((time.perf_counter() - g.get("started", time.perf_counter())) * 1_000, 2),
                "remote": request.remote_addr,
            },
        )
        return response
