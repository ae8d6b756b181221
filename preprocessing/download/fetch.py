"""One address: its bytes, or why not, and whether it is worth another try."""

from __future__ import annotations

import email.utils
import http.client
import http.cookiejar
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import requests
import requests.adapters
import requests.utils
import urllib3.exceptions

from preprocessing.download.robots import forbidding_directive

CRAWLER = "clip-branches"
_CHUNK = 2**16
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BROKEN = (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError)


@dataclass(frozen=True)
class Limits:
    """How long and how large an answer may be. ``silence_s`` is the longest wait for the next byte."""

    connect_s: float = 5.0
    silence_s: float = 10.0
    total_s: float = 60.0
    max_bytes: int = 50 * 2**20
    redirects: int = 10
    disallowed: Sequence[str] = ()


class Failed(NamedTuple):
    """Why there are no bytes; ``wait_s`` is what the server asked for, ``busy`` says that it is the host's state."""

    message: str
    again: bool = False
    wait_s: float | None = None
    busy: bool = False


class Fetcher:
    """Fetches addresses over kept connections; one for each thread."""

    def __init__(self, limits: Limits, stopped: threading.Event | None = None) -> None:
        self._limits = limits
        self._stopped = stopped or threading.Event()
        self._session = requests.Session()
        # The environment is looked at once a host, here, and not on every request.
        self._session.trust_env = False
        self._session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        self._session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers.update(
            {
                "User-Agent": f"Mozilla/5.0 (compatible; {CRAWLER})",
                "Accept": "image/*,*/*;q=0.5",
                "Accept-Encoding": "identity",
            }
        )
        adapter = requests.adapters.HTTPAdapter(pool_connections=8, pool_maxsize=1)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._proxies: tuple[str, dict[str, str]] = ("", {})

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def fetch(self, url: str) -> bytes | Failed:
        """The bytes at ``url``, following redirects; never raises for what a server does."""
        deadline = time.monotonic() + self._limits.total_s
        seen: set[str] = set()
        try:
            while True:
                if urlsplit(url).scheme.lower() not in ("http", "https"):
                    return Failed("the address must begin with http:// or https://")
                if url in seen or len(seen) > self._limits.redirects:
                    return Failed("redirects in a circle" if url in seen else "too many redirects")
                seen.add(url)
                if time.monotonic() > deadline:
                    return Failed(f"took longer than {self._limits.total_s:g} s", again=True)
                with self._get(url) as response:
                    target = response.headers.get("Location") if response.status_code in _REDIRECTS else None
                    if target is None:
                        return self._answer(response, deadline)
                    url = urljoin(url, requests.utils.requote_uri(target))
        except (requests.Timeout, urllib3.exceptions.TimeoutError):
            return Failed(f"no answer within {self._limits.silence_s:g} s", again=True)
        except (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema, UnicodeError, ValueError) as error:
            return Failed(f"the address cannot be used: {error}")
        except requests.exceptions.SSLError as error:
            return Failed(f"no trusted connection: {_first_line(error)}")
        except (requests.RequestException, *_BROKEN) as error:
            return Failed(f"the connection broke: {_first_line(error)}", again=True)

    def _get(self, url: str) -> requests.Response:
        timeout = (self._limits.connect_s, self._limits.silence_s)
        host = urlsplit(url).netloc
        if host != self._proxies[0]:
            self._proxies = (host, requests.utils.get_environ_proxies(url))
        return self._session.get(
            url, stream=True, allow_redirects=False, timeout=timeout, proxies=self._proxies[1] or None
        )

    def _answer(self, response: requests.Response, deadline: float) -> bytes | Failed:
        status = response.status_code
        if status != 200:
            reason = f"HTTP Error {status}: {response.reason or http.client.responses.get(status, 'unknown')}"
            busy = status in (429, 503)
            return Failed(reason, status in _TRY_AGAIN, _retry_after(response) if busy else None, busy)
        refused = self._refusal(response)
        if refused is not None:
            return Failed(refused)
        told = response.headers.get("Content-Length", "")
        length = int(told) if told.isdigit() else None
        if length is not None and length > self._limits.max_bytes:
            return Failed(f"{length:,} bytes, at most {self._limits.max_bytes:,} are fetched")
        content = self._read(response, deadline)
        if isinstance(content, Failed) or length is None or "Content-Encoding" in response.headers:
            return content
        if len(content) != length:
            return Failed(f"the answer ended after {len(content):,} of {length:,} bytes", again=True)
        return content

    def _read(self, response: requests.Response, deadline: float) -> bytes | Failed:
        pieces: list[bytes] = []
        size = 0
        # One read from the socket at a time: a server that drips byte by byte meets the deadline, too.
        while piece := response.raw.read1(_CHUNK, decode_content=True):
            pieces.append(piece)
            size += len(piece)
            if size > self._limits.max_bytes:
                return Failed(f"more than {self._limits.max_bytes:,} bytes")
            if time.monotonic() > deadline:
                return Failed(f"took longer than {self._limits.total_s:g} s", again=True)
            if self._stopped.is_set():
                return Failed("stopped", again=True)
        return b"".join(pieces)

    def _refusal(self, response: requests.Response) -> str | None:
        if not self._limits.disallowed:
            return None
        values = response.raw.headers.getlist("X-Robots-Tag")
        found = forbidding_directive(values, self._limits.disallowed, CRAWLER)
        if found is not None:
            return f"Use of image disallowed by X-Robots-Tag directive ({found})"
        if response.headers.get("TDM-Reservation", "").strip() == "1":
            return "Use of image disallowed by TDM-Reservation"
        return None


def _retry_after(response: requests.Response) -> float | None:
    """Seconds that the server asks to wait, given as a number or as a date; None when it says nothing."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _first_line(error: BaseException) -> str:
    while isinstance(error, requests.RequestException) and error.args and isinstance(error.args[0], Exception):
        error = error.args[0]
    reason = getattr(error, "reason", None)
    return (str(reason or error).splitlines() or [type(error).__name__])[0][:200]
