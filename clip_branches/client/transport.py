"""HTTP beneath the client: timeouts, retries, answers checked against the shared schemas, errors as errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import requests
from pydantic import BaseModel, ValidationError
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from clip_branches import __version__
from clip_branches.errors import ConfigurationError, ServiceUnavailable, error_of

Model = TypeVar("Model", bound=BaseModel)
Progress = Callable[[int, int | None], None]  # (done, of how many, or None where that is not known)
Query = Mapping[str, str | int | bool | list[str]]

_CONNECT_TIMEOUT_S = 5.0
_CHUNK = 64 * 1024
_AWAY = (502, 503, 504)
_WELL = (200, 201)


class _Again(Retry):
    """Waits as long as a service that is away says, and not for a quota: that may be tomorrow."""

    RETRY_AFTER_STATUS_CODES = frozenset((503,))


class _Bearer(requests.auth.AuthBase):
    """The key with every request; given as requests' own kind, so that no ~/.netrc takes its place."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class Transport:
    """One address of the API, spoken to over kept-alive connections.

    Every call may be repeated without harm, POST too: an answer is a function of its request, and at worst something is
    saved twice. So what fails on the way, or is answered "not now", is tried again ``retries`` times, later each time,
    or when the service says.
    """

    def __init__(self, root: str, *, timeout_s: float, retries: int, key: str | None = None) -> None:
        if not root.startswith(("http://", "https://")):
            raise ConfigurationError(f"The 'url' must begin with http:// or https://. Got {root[:200]!r} instead.")
        if timeout_s <= 0 or retries < 0:
            raise ConfigurationError(
                f"The 'timeout_s' must be over 0 and 'retries' at least 0. Got {timeout_s} and {retries} instead."
            )
        self.root = root.rstrip("/")
        self._timeout = (min(_CONNECT_TIMEOUT_S, timeout_s), timeout_s)
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"clip-branches/{__version__}"
        if key:
            self._session.auth = _Bearer(key)
        again = _Again(
            total=retries,
            status_forcelist=_AWAY,
            allowed_methods=("GET", "POST"),
            backoff_factor=0.2,
            raise_on_status=False,
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=again))

    def get(self, path: str, model: type[Model], query: Query | None = None) -> Model:
        """The answer to a GET as ``model``; the service's error, or ServiceUnavailable."""
        with self._answer("GET", path, params=_written(query)) as answer:
            return _read(answer, model)

    def post(self, path: str, model: type[Model], body: BaseModel) -> Model:
        """The answer to ``body`` as ``model``; likewise."""
        sent = body.model_dump(mode="json", exclude_none=True)
        with self._answer("POST", path, json=sent) as answer:
            return _read(answer, model)

    def stream(self, path: str, query: Query, progress: Progress | None) -> Iterator[bytes]:
        """A file in pieces; ServiceUnavailable where it ends early."""
        with self._answer("GET", path, params=_written(query)) as answer:
            length = answer.headers.get("Content-Length")
            done, whole = 0, int(length) if length and length.isdigit() else None
            for piece in answer.iter_content(_CHUNK):
                done += len(piece)
                yield piece
                if progress is not None:
                    progress(done, whole)

    def close(self) -> None:
        self._session.close()

    @contextmanager
    def _answer(self, method: str, path: str, **options: Any) -> Iterator[requests.Response]:
        address = self.root + path
        try:
            with self._session.request(method, address, timeout=self._timeout, stream=True, **options) as answer:
                if answer.status_code not in _WELL:
                    raise error_of(
                        _told(answer), otherwise=f"{address} answered {answer.status_code}: {answer.reason}."
                    )
                yield answer
        except requests.RequestException as error:
            raise ServiceUnavailable(
                f"{address} does not answer as it should: {_brief(error)}. Is it the address of a running platform?"
            ) from error


def _written(query: Query | None) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, value in (query or {}).items():
        for one in value if isinstance(value, list) else [value]:
            pairs.append((key, str(one).lower() if isinstance(one, bool) else str(one)))
    return pairs


def _read(answer: requests.Response, model: type[Model]) -> Model:
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        raise ServiceUnavailable(
            f"{answer.url} must answer as a platform of version {__version__} does. Its answer is no "
            f"{model.__name__}: {error.errors()[0]['msg']}."
        ) from error


def _told(answer: requests.Response) -> Any:
    """The "error" of an error answer, or None where it is of another shape."""
    try:
        body = answer.json()
    except ValueError:
        return None
    return body.get("error") if isinstance(body, dict) else None


def _brief(error: requests.RequestException) -> str:
    reason = getattr(error.args[0], "reason", error.args[0]) if error.args else error
    return str(reason).split(": ", 1)[-1][:200]
