"""Calls to another service on behalf of the request being served."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from flask import Response, current_app, has_request_context, request

from clip_branches.errors import Cancelled, ServiceUnavailable, error_of
from clip_branches.service import error_response, measures, upstream_headers
from web_service.bulkhead import Bulkhead
from web_service.hanging_up import Adapter, HangingUp, was_cut

CONNECT_TIMEOUT_S = 2.0
READY_TIMEOUT_S = 1.5
RETRY_AFTER_S = 2
_CHUNK = 64 * 1024
_REQUEST_HEADERS = ("Accept", "Content-Type", "If-None-Match", "If-Modified-Since")
_RESPONSE_HEADERS = (
    "Cache-Control",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "ETag",
    "Last-Modified",
    "Retry-After",
)


class Upstream:
    """One of the services behind this one, spoken to over a pool of kept-alive connections."""

    def __init__(self, name: str, url: str, *, timeout_s: float, connections: int) -> None:
        self.name = name
        self._url = url.rstrip("/")
        self._timeout = (CONNECT_TIMEOUT_S, timeout_s)
        self._session = requests.Session()
        # The services are named by the settings: a proxy from the environment has no business between them.
        self._session.trust_env = False
        self._hanging_up = HangingUp()
        self._bulkhead = Bulkhead(connections)
        adapter = Adapter(pool_connections=1, pool_maxsize=connections)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def forward(self, path: str) -> Response:
        """The current request, sent on to ``path``; the answer is streamed through with its caching headers.

        A service that does not answer, or answers with something that is not its JSON error shape, becomes a 503
        that names it and says when to try again.
        """
        headers = {name: request.headers[name] for name in _REQUEST_HEADERS if name in request.headers}
        headers |= {"Accept-Encoding": "identity"} | self._headers(request.method, path)
        query = request.query_string.decode("latin-1")
        try:
            answer = self._send(
                request.method,
                f"{self._url}{path}{'?' + query if query else ''}",
                data=request.get_data() if request.method == "POST" else None,
                headers=headers,
                timeout=self._timeout,
            )
        except requests.RequestException:
            return self.unavailable()
        return self._passed_on(answer)

    def forward_json(self, path: str, body: dict[str, Any]) -> Response:
        """The answer to ``body`` posted to ``path``, streamed through as ``forward`` does."""
        try:
            answer = self._send(
                "POST",
                self._url + path,
                json=body,
                headers={"Accept-Encoding": "identity"} | self._headers("POST", path),
                timeout=self._timeout,
            )
        except requests.RequestException:
            return self.unavailable()
        return self._passed_on(answer)

    def ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The JSON object at ``path``, or the answer to ``body`` posted there.

        An error that the service answers with is raised as what it is there; no answer is ServiceUnavailable.
        """
        method = "GET" if body is None else "POST"
        try:
            answer = self._send(
                method,
                self._url + path,
                json=body,
                headers=self._headers(method, path),
                timeout=self._timeout,
            )
            told = answer.json()
        except requests.RequestException as error:
            raise ServiceUnavailable(self._away()) from error
        if not isinstance(told, dict):
            raise ServiceUnavailable(f"The {self.name} service answers with something that is not a JSON object.")
        if answer.status_code >= 400:
            raise error_of(told.get("error"), otherwise=self._away())
        return told

    def _passed_on(self, answer: requests.Response) -> Response:
        if answer.status_code >= 400 and not _is_json(answer):
            answer.close()
            return self.unavailable()
        passed = {name: answer.headers[name] for name in _RESPONSE_HEADERS if name in answer.headers}
        response = Response(_body(answer), answer.status_code, passed)
        response.call_on_close(answer.close)
        return response

    def get_json(self, path: str, *, timeout_s: float) -> dict[str, Any]:
        """The JSON object at ``path``; raises ServiceUnavailable when there is none to be had in time."""
        try:
            headers = self._headers("GET", path)
            answer = self._send("GET", self._url + path, headers=headers, timeout=(CONNECT_TIMEOUT_S, timeout_s))
            answer.raise_for_status()
            body = answer.json()
        except requests.RequestException as error:
            raise ServiceUnavailable(f"The {self.name} service does not answer.") from error
        if not isinstance(body, dict):
            raise ServiceUnavailable(f"The {self.name} service answers with something that is not a JSON object.")
        return body

    def problems(self) -> list[str]:
        """The reasons why the service cannot be used now; none when it is ready."""
        try:
            answer = self._send("GET", self._url + "/readyz", timeout=(READY_TIMEOUT_S, READY_TIMEOUT_S))
            content = answer.content
            if answer.status_code == 200:
                return []
            body = json.loads(content)
        except (requests.RequestException, ValueError):
            return [f"The {self.name} service does not answer."]
        reasons = body.get("reasons") if isinstance(body, dict) else None
        return [f"{self.name}: {reason}" for reason in reasons or ["The service is not ready."]]

    def unavailable(self) -> Response:
        """The 503 of a service that does not answer."""
        response = error_response(503, ServiceUnavailable.code, self._away())
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
        return response

    def _away(self) -> str:
        return (
            f"The {self.name} service does not answer right now. Nothing is lost: "
            f"try again in {RETRY_AFTER_S} seconds (the page does so by itself)."
        )

    def _headers(self, method: str, path: str) -> dict[str, str]:
        """The request's id, and whoever it is from: the services behind this one keep private catalogues themselves."""
        return upstream_headers() | current_app.extensions["guard"].identity(method, _told_path(self._url, path))

    def _send(self, method: str, url: str, **options: Any) -> requests.Response:
        started = time.perf_counter()
        outcome = "failed"
        try:
            with self._bulkhead.place():
                answer = self._tried(method, url, **options)
            outcome = "answered" if answer.status_code < 500 else "refused"
            return answer
        except Cancelled:
            outcome = "cancelled"
            raise
        finally:
            measures.upstream(self.name, outcome, time.perf_counter() - started)

    def _tried(self, method: str, url: str, **options: Any) -> requests.Response:
        """Sends once more when a kept-alive connection had just been closed: every call here may be repeated.

        Raises Cancelled where the client of the current request hangs up before there is an answer.
        """
        client = request.environ.get("gunicorn.socket") if has_request_context() else None
        with self._hanging_up.while_waiting(client):
            try:
                return self._session.request(method, url, stream=True, allow_redirects=False, **options)
            except (requests.ConnectTimeout, requests.ReadTimeout):
                raise
            except requests.ConnectionError as error:
                if was_cut():
                    raise Cancelled("The client closed its connection before the answer was there.") from error
                return self._session.request(method, url, stream=True, allow_redirects=False, **options)


def _told_path(url: str, path: str) -> str:
    """The path as the service behind ``url`` is told it: as the address is really sent, then decoded."""
    sent = requests.PreparedRequest()
    sent.prepare_url(url + path, None)
    return unquote(sent.path_url.partition("?")[0].removeprefix(urlsplit(url).path))


def _body(answer: requests.Response) -> Iterator[bytes]:
    # decode_content=False: Content-Encoding and Content-Length are passed on, so the bytes must be too.
    yield from answer.raw.stream(_CHUNK, decode_content=False)


def _is_json(answer: requests.Response) -> bool:
    headers: Mapping[str, str] = answer.headers
    return headers.get("Content-Type", "").partition(";")[0].strip() == "application/json"
