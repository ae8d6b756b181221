"""A web server that misbehaves on demand: real sockets, a process thread of its own."""

from __future__ import annotations

import io
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image


def photo(number: int, size: int = 48, kind: str = "JPEG") -> bytes:
    """The picture that /photo/<number> serves."""
    generator = np.random.default_rng(number)
    coarse = generator.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC).save(buffer, kind)
    return buffer.getvalue()


class Web:
    """The server's address, and what was asked of it."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.asked: Counter[str] = Counter()
        self.at_once = 0
        self.most_at_once = 0
        self.lock = threading.Lock()
        self.delay_s = 0.0
        self.times: list[float] = []

    def photos(self, count: int) -> list[str]:
        return [f"{self.url}/photo/{number}" for number in range(count)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    web: Web

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        with self.web.lock:
            self.web.asked[self.path] += 1
            times = self.web.asked[self.path]
            self.web.times.append(time.monotonic())
            self.web.at_once += 1
            self.web.most_at_once = max(self.web.most_at_once, self.web.at_once)
        try:
            time.sleep(self.web.delay_s)
            getattr(self, f"_{path.split('/')[1].replace('-', '_')}")(path, times)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with self.web.lock:
                self.web.at_once -= 1

    def _photo(self, path: str, times: int) -> None:
        kind = parse_qs(urlsplit(self.path).query).get("kind", ["JPEG"])[0]
        self._send(photo(int(path.split("/")[2]), kind=kind))

    def _flaky(self, path: str, times: int) -> None:
        """500 at first, then the photo."""
        self._send(photo(1)) if times > 2 else self._send(b"no", 500)

    def _broken(self, path: str, times: int) -> None:
        self._send(b"no", 500)

    def _missing(self, path: str, times: int) -> None:
        self._send(b"no", 404)

    def _busy(self, path: str, times: int) -> None:
        """/busy/<seconds>: 429 once, with Retry-After."""
        self._send(photo(2)) if times > 1 else self._send(b"no", 429, {"Retry-After": path.split("/")[2]})

    def _stall(self, path: str, times: int) -> None:
        """Half a photo, then silence for ever."""
        self._begin(len(photo(3)))
        self.wfile.write(photo(3)[:500])
        self.wfile.flush()
        time.sleep(3)
        self.close_connection = True

    def _silent(self, path: str, times: int) -> None:
        time.sleep(3)
        self.close_connection = True

    def _drip(self, path: str, times: int) -> None:
        """A byte now and then: never silent for long, and never done."""
        self._begin(10_000)
        for _ in range(60):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.05)
        self.close_connection = True

    def _dribble(self, path: str, times: int) -> None:
        """Headers, byte by byte, for longer than anybody waits."""
        for _ in range(100):
            self.wfile.write(b"H")
            self.wfile.flush()
            time.sleep(0.1)
        self.close_connection = True

    def _cut(self, path: str, times: int) -> None:
        """Fewer bytes than were promised, always."""
        content = photo(4)
        self._begin(len(content))
        self.wfile.write(content[:-300])
        self.close_connection = True

    def _unmeasured(self, path: str, times: int) -> None:
        """A photo cut short by a server that promises no length."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(photo(4)[:-300])
        self.close_connection = True

    def _circle(self, path: str, times: int) -> None:
        other = {"/circle/1": "/circle/2", "/circle/2": "/circle/1"}[path]
        self._send(b"", 302, {"Location": other})

    def _down(self, path: str, times: int) -> None:
        """A redirect to one step further, without end."""
        self._send(b"", 301, {"Location": f"/down/{int(path.split('/')[2]) + 1}"})

    def _moved(self, path: str, times: int) -> None:
        self._send(b"", 308, {"Location": "../photo/5"})

    def _file(self, path: str, times: int) -> None:
        self._send(b"", 302, {"Location": "file:///etc/hostname"})

    def _lie(self, path: str, times: int) -> None:
        """Says that it is a JPEG."""
        self._send(b"<html>a page</html>", 200, {"Content-Type": "image/jpeg"})

    def _modest(self, path: str, times: int) -> None:
        """Says that it is a page, and is a PNG."""
        self._send(photo(6, kind="PNG"), 200, {"Content-Type": "text/html"})

    def _huge(self, path: str, times: int) -> None:
        self._begin(10**12)

    def _endless(self, path: str, times: int) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(200):
            self.wfile.write(b"\xff" * 2**16)
        self.close_connection = True

    def _robots(self, path: str, times: int) -> None:
        tag = parse_qs(urlsplit(self.path).query)["tag"]
        self.send_response(200)
        for value in tag:
            self.send_header("X-Robots-Tag", value)
        self.send_header("Content-Length", str(len(photo(7))))
        self.end_headers()
        self.wfile.write(photo(7))

    def _reserved(self, path: str, times: int) -> None:
        self._send(photo(7), 200, {"TDM-Reservation": "1"})

    def _begin(self, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _send(self, content: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "image/jpeg", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Web]:
    """A server on a free port, until the block ends."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    web = Web(server)
    handler.web = web  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
