"""Gunicorn's threaded worker, with limits that it does not have: the time to receive a request and to send an answer.

Without them a client that sends, or reads, a byte now and then holds a thread for ever. What gunicorn itself refuses
(a line too long, a head that is none) is told in the one shape of errors, too.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, ClassVar

from gunicorn import util
from gunicorn.http import message
from gunicorn.workers.gthread import ThreadWorker

from clip_branches.service.errors import error_response

RECEIVING = "clip_branches.receiving"  # in a request's environment: the block in which its body is read
_LOOK_S = 0.25
_LINGER_S = 2.0  # that an answer reaches a client who is still sending: RFC 9112, section 9.6
_DRAIN_S = 0.2


class Worker(ThreadWorker):  # type: ignore[misc]
    """Cuts off clients that are too slow; see ``worker_of``."""

    receive_s: ClassVar[float]
    wsgi: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Gunicorn takes no limit above 8,190, only none at all; a page of 1,000 ids needs three times that.
        message.MAX_REQUEST_LINE = max(message.MAX_REQUEST_LINE, self.cfg.limit_request_line)
        util.write_error = _write_refusal  # it has no setting for a page that is not HTML
        self._late: dict[int, tuple[socket.socket, float]] = {}
        self._lingering: dict[socket.socket, float] = {}

    def init_process(self) -> None:
        threading.Thread(target=self._watch, name="receiving", daemon=True).start()
        super().init_process()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        app = self.wsgi

        def timed(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
            self._late.pop(threading.get_ident(), None)  # the head is there
            environ[RECEIVING] = lambda: self._receiving(environ["gunicorn.socket"])
            return app(environ, start_response)

        self.wsgi = timed

    def handle(self, conn: Any) -> Any:
        """A request on a connection, from the first byte of its head on."""
        whole = struct.pack("ll", int(self.receive_s), int(self.receive_s % 1 * 1e6))
        with suppress(OSError):
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, whole)
        conn.close = lambda graceful=False: self._close(conn.sock, graceful)
        with self._receiving(conn.sock):
            return super().handle(conn)

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        """As gunicorn does, in less than its five seconds a thread: whoever still sends what is refused is cut off."""
        return bool(keepalive and conn.parser.finish_body(deadline=time.monotonic() + _DRAIN_S))

    def _close(self, line: socket.socket, graceful: bool) -> None:
        """Closes a connection; gunicorn lingers in the thread that accepts all others, up to two seconds for each."""
        with suppress(OSError):
            if graceful:
                line.setblocking(False)
                line.shutdown(socket.SHUT_WR)
                self._lingering[line] = time.monotonic() + _LINGER_S
                return
        line.close()

    @contextmanager
    def _receiving(self, line: socket.socket) -> Iterator[None]:
        """What is read from ``line`` in the block must be there in time; else it ends there."""
        key = threading.get_ident()
        self._late[key] = (line, time.monotonic() + self.receive_s)
        try:
            yield
        finally:
            self._late.pop(key, None)

    def _watch(self) -> None:
        while True:
            time.sleep(_LOOK_S)
            now = time.monotonic()
            for key, (line, deadline) in list(self._late.items()):
                if now > deadline and self._late.pop(key, None) is not None:
                    with suppress(OSError):
                        line.shutdown(socket.SHUT_RD)  # as if the client had sent no more: it can still be told
            for line, deadline in list(self._lingering.items()):
                if now > deadline or _is_over(line):
                    del self._lingering[line]
                    line.close()


def _write_refusal(line: socket.socket, status: int, reason: str, said: str) -> None:
    """What gunicorn tells a client whose request never reached the app."""
    body = error_response(status, reason.lower().replace(" ", "_"), said or reason).get_data()
    head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
    util.write_nonblock(line, f"{head}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body)


def _is_over(line: socket.socket) -> bool:
    """Whether the other side has closed as well; what it still sent is thrown away."""
    try:
        # One who sends without end has its turn, and then the others.
        return any(not line.recv(65_536) for _ in range(16))
    except BlockingIOError:
        return False
    except OSError:
        return True


def worker_of(receive_s: float) -> type[Worker]:
    """The worker whose clients have ``receive_s`` seconds to send a head, a body, and to take each piece."""
    return type("Worker", (Worker,), {"receive_s": receive_s})
