"""Work that nobody waits for any more is stopped: a client that went away, a time that is up.

Code that takes long calls ``checkpoint()`` where it can be left: between steps, at each batch. Outside of a request it
does nothing, so that the library needs to know of no service.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from clip_branches.errors import Cancelled, TimeLimit


class Work:
    """What a thread is doing for somebody; may be given to other threads that help it.

    ``client``: the connection that the answer goes to, where there is one. ``seconds``: the longest it may take.
    """

    def __init__(self, client: socket.socket | None, seconds: float | None) -> None:
        self.client = client
        self._seconds = seconds
        self._deadline = None if seconds is None else time.monotonic() + seconds

    def unlimited(self) -> None:
        """Lets it take any time from now on: an answer that has begun is bounded by who reads it."""
        self._deadline = None

    def check(self) -> None:
        """Raises Cancelled where the client went away, TimeLimit where the time is up."""
        if self.client is not None and has_gone(self.client):
            raise Cancelled("The client closed its connection before the answer was there.")
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise TimeLimit(
                f"The request took over {self._seconds:g} s and was stopped. Ask for less, or later when less is asked."
            )


_at_work = threading.local()


def current_work() -> Work | None:
    """What this thread is working on."""
    work: Work | None = getattr(_at_work, "work", None)
    return work


def begin(work: Work | None) -> None:
    """Says what this thread is working on from now on; None: nothing for anybody."""
    _at_work.work = work


@contextmanager
def working_on(work: Work | None) -> Iterator[None]:
    """Within the block this thread works on ``work``, as a helper of the thread that began it."""
    before = current_work()
    begin(work)
    try:
        yield
    finally:
        begin(before)


def checkpoint() -> None:
    """A place where work may end: raises Cancelled or TimeLimit when it should, and costs a microsecond."""
    work = current_work()
    if work is not None:
        work.check()


def has_gone(client: socket.socket) -> bool:
    """Whether the other side of a connection has closed it; nothing is read from it."""
    try:
        return client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except (OSError, ValueError):
        return True
