"""A client that hangs up ends what another service does for it: the connection to that service is closed as well.

A thread that waits for an answer cannot look after its client meanwhile; one thread looks after all clients.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

_LOOK_MS = 200
_GONE = select.POLLHUP | select.POLLERR | select.POLLRDHUP | select.POLLNVAL
_asking = threading.local()


class _Call:
    """A request that waits for another service: its ``client``, the connection it ``uses``, whether it was ``cut``."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client
        self.uses: HTTPConnection | None = None
        self.cut = False

    def end(self) -> None:
        """Ends the call under the thread that waits for it."""
        self.cut = True
        line = getattr(self.uses, "sock", None)
        if line is not None:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


class HangingUp:
    """Looks after the clients of calls that wait, in a thread of its own that starts with the first."""

    def __init__(self) -> None:
        self._calls: dict[int, _Call] = {}
        self._some = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def while_waiting(self, client: socket.socket | None) -> Iterator[None]:
        """In the block, a call to another service ends when ``client`` hangs up."""
        if client is None:
            yield
            return
        call = _Call(client)
        _asking.call = call
        with self._some:
            self._calls[client.fileno()] = call
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="hanging-up", daemon=True)
                self._thread.start()
            self._some.notify()
        try:
            yield
        finally:
            _asking.call = None
            with self._some:
                self._calls.pop(client.fileno(), None)

    def _look(self) -> None:
        while True:
            with self._some:
                self._some.wait_for(lambda: bool(self._calls))
                calls = dict(self._calls)
            poller = select.poll()
            for number in calls:
                poller.register(number, select.POLLRDHUP)
            for number, event in poller.poll(_LOOK_MS):
                with self._some:
                    call = calls[number]
                    # The same number may be another client's by now.
                    if event & _GONE and self._calls.get(number) is call:
                        self._calls.pop(number)
                        call.end()


def was_cut() -> bool:
    """Whether the call that this thread waits for was ended because its client hung up."""
    call: _Call | None = getattr(_asking, "call", None)
    return call is not None and call.cut


class Adapter(HTTPAdapter):
    """A pool of connections that say which of them a call uses."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


class _Told:
    def request(self, *args: Any, **kwargs: Any) -> None:
        call: _Call | None = getattr(_asking, "call", None)
        if call is not None:
            call.uses = self  # type: ignore[assignment]
        super().request(*args, **kwargs)  # type: ignore[misc]


class _Connection(_Told, HTTPConnection):
    pass


class _SecureConnection(_Told, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
