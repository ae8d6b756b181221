"""Every error that the project raises on purpose, as one tree.

    ClipBranchesError
    ├── InvalidInput            the caller's input cannot be used (also a ValueError)
    │   ├── TooLarge            the input is over a size limit
    │   └── UnsupportedImage    the bytes are not an image that can be read
    ├── NotFound                a name or id that does not exist (also a LookupError)
    │   ├── UnknownCatalogue
    │   ├── UnknownItem
    │   ├── UnknownResultSet
    │   └── UnknownSaved        a saved search or collection
    ├── Conflict                somebody else changed it first, or it is in use
    ├── NotAuthenticated        nobody knows who asks: no key, or one that does not work
    ├── NotAllowed              whoever asks may not do this
    ├── TooManyRequests         more than a rate limit or a quota allows
    ├── ConfigurationError      a setting, model or recipe that cannot be used
    ├── DamagedFile             a file that is truncated, altered, foreign or of another version
    ├── StorageError            a disk that cannot be written: full, read-only, without permission, or in use
    ├── ServiceUnavailable      a service that this one needs does not answer, or this one is busy
    │   └── TimeLimit           the request took longer than it may
    └── Cancelled               the client went away: nobody waits for the answer

An error says what was wrong and what would work. ``code`` is a stable machine-readable word, ``field`` names the
offending request field where there is one. Services turn an error into ``{"error": {"code", "message", "field"?}}``.
"""

from __future__ import annotations

from typing import Any


class ClipBranchesError(Exception):
    """Base of all errors raised on purpose."""

    code = "error"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class InvalidInput(ClipBranchesError, ValueError):
    code = "invalid_input"


class TooLarge(InvalidInput):
    code = "too_large"


class UnsupportedImage(InvalidInput):
    code = "unsupported_image"


class NotFound(ClipBranchesError, LookupError):
    code = "not_found"


class UnknownCatalogue(NotFound):
    code = "unknown_catalogue"


class UnknownItem(NotFound):
    code = "unknown_item"


class UnknownResultSet(NotFound):
    code = "unknown_result_set"


class UnknownSaved(NotFound):
    code = "unknown_saved"


class Conflict(ClipBranchesError):
    code = "conflict"


class NotAuthenticated(ClipBranchesError):
    code = "not_authenticated"


class NotAllowed(ClipBranchesError):
    code = "not_allowed"


class TooManyRequests(ClipBranchesError):
    """``retry_after``: whole seconds until the same may be asked again."""

    code = "too_many_requests"

    def __init__(self, message: str, *, field: str | None = None, retry_after: int = 1) -> None:
        super().__init__(message, field=field)
        self.retry_after = retry_after


class ConfigurationError(ClipBranchesError):
    code = "configuration_error"


class DamagedFile(ClipBranchesError):
    code = "damaged_file"


class StorageError(ClipBranchesError):
    code = "storage_error"


class ServiceUnavailable(ClipBranchesError):
    code = "service_unavailable"


class TimeLimit(ServiceUnavailable):
    code = "time_limit"


class Cancelled(ClipBranchesError):
    code = "cancelled"


def error_of(told: Any, *, otherwise: str) -> ClipBranchesError:
    """The error that a service described by {"code", "message", "field"?}; ServiceUnavailable for anything else."""
    if isinstance(told, dict) and isinstance(told.get("message"), str):
        kinds = [ClipBranchesError]
        while kinds:
            kind = kinds.pop()
            if kind.code == told.get("code"):
                return kind(told["message"], field=told.get("field"))
            kinds.extend(kind.__subclasses__())
    return ServiceUnavailable(otherwise)
