"""Every error leaves a service in one shape: {"error": {"code", "message", "field"?}}."""

from __future__ import annotations

import logging
from typing import NoReturn

from flask import Flask, Response, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from clip_branches import errors
from clip_branches.schemas import ErrorDetail, ErrorResponse, RequestModel
from clip_branches.service.logs import current_request_id

_log = logging.getLogger(__name__)

# First match wins, so the more special classes come first.
_STATUS: tuple[tuple[type[errors.ClipBranchesError], int], ...] = (
    (errors.TooLarge, 413),
    (errors.UnsupportedImage, 415),
    (errors.InvalidInput, 400),
    (errors.NotFound, 404),
    (errors.Conflict, 409),
    (errors.NotAuthenticated, 401),
    (errors.NotAllowed, 403),
    (errors.TooManyRequests, 429),
    (errors.DamagedFile, 503),
    (errors.ServiceUnavailable, 503),
    (errors.ConfigurationError, 503),
    (errors.StorageError, 503),
    # Nobody reads it; logs and metrics tell it from what failed here, by the number that nginx uses.
    (errors.Cancelled, 499),
)
_HTTP_CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
}
_PARTS = frozenset(("body", "query", "path", "header"))


def status_of(error: errors.ClipBranchesError) -> int:
    """The HTTP status of an error of the project's tree."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def error_response(status: int, code: str, message: str, field: str | None = None) -> Response:
    """The one error shape as a response."""
    body = ErrorResponse(error=ErrorDetail(code=code, message=_clean(message), field=field))
    return Response(body.model_dump_json(exclude_none=True), status, content_type="application/json")


def raise_invalid(error: ValidationError) -> NoReturn:
    """Turns what pydantic found into an InvalidInput that names the first field at fault."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    first = found[0]
    field = ".".join(str(part) for part in first["loc"]) or None
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        known = ", ".join(_known_fields(error.title)) or "none"
        message = f"The request holds an unknown field '{field}'. Known fields: {known}."
    elif first["type"] == "missing":
        message = f"The field '{field}' is required."
    elif field is not None and f"'{field}'" not in message:
        message = f"The field '{field}' is not valid: {message}."
    if len(found) > 1:
        message += f" ({len(found) - 1} more of the fields are not valid.)"
    raise errors.InvalidInput(message, field=field) from error


def register(app: Flask) -> None:
    """Makes every error of the app, expected or not, an answer in the one shape."""
    app.register_error_handler(errors.ClipBranchesError, _on_project_error)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(Exception, _on_unexpected)


def _on_project_error(error: errors.ClipBranchesError) -> Response:
    status = status_of(error)
    if status >= 500:
        _log.warning("request refused", extra={"code": error.code, "reason": error.message})
    response = error_response(status, error.code, error.message, error.field)
    if isinstance(error, errors.ServiceUnavailable):
        response.headers["Retry-After"] = "1"
    elif isinstance(error, errors.TooManyRequests):
        response.headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, errors.NotAuthenticated):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _on_http_error(error: HTTPException) -> Response | HTTPException:
    status = error.code or 500
    if status < 400:
        return error  # a redirect is not an error
    code = _HTTP_CODES.get(status, (error.name or "error").lower().replace(" ", "_"))
    message = error.description or error.name
    if isinstance(error, RequestEntityTooLarge):
        limit = request.max_content_length
        message = f"The request body must be at most {limit:,} bytes." if limit else "The request body is too large."
    elif status == 404:
        message = f"There is nothing at {request.path}. GET /openapi.json lists what there is."
    response = error_response(status, code, message)
    # Allow (405), Retry-After and the like belong to the answer; the content type is ours.
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def _on_unexpected(error: Exception) -> Response:
    _log.error("unexpected error", exc_info=error)
    message = f"The service failed unexpectedly; its log has the details under request id {current_request_id()}."
    return error_response(500, "internal_error", message)


def _clean(message: str) -> str:
    """Messages quote what a caller sent: no lone surrogates (JSON cannot carry them), nothing endless."""
    safe = message.encode("utf-8", "backslashreplace").decode("utf-8")
    return safe if len(safe) <= 2_000 else safe[:2_000] + "…"


def _known_fields(title: str) -> list[str]:
    """Fields of the request model of that name, wherever a service defines it."""
    models = [RequestModel]
    while models:
        model = models.pop()
        if model.__name__ == title:
            return list(model.model_fields)
        models.extend(model.__subclasses__())
    return []
