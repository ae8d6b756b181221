"""The service's own connection to the cluster: made once, and kept."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from clip_branches.cluster.runtime import REFUSED, load_ray, unreachable
from clip_branches.errors import ServiceUnavailable

LOST = "this process is no longer connected to the Ray cluster of its shards; start the service again"
_CONNECTING = threading.Lock()


class Connection:
    """A connection of this process to a cluster. Actors end with the connection over which they were made, so whoever
    asks them does it within ``using``."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._own = _identity(ray)

    @property
    def stands(self) -> bool:
        """Whether the process is connected, and by this connection: there may be another one since."""
        return self._own is not None and _identity(self._ray) == self._own

    @contextlib.contextmanager
    def using(self) -> Iterator[Any]:
        """The module ``ray``. Raises ServiceUnavailable where the connection does not stand, or ends meanwhile."""
        if not self.stands:
            raise ServiceUnavailable(f"{LOST[0].upper()}{LOST[1:]}.")
        try:
            yield self._ray
        except Exception as error:  # what Ray raises without a connection is anything: AttributeError, Exception itself
            if self.stands:
                raise
            raise ServiceUnavailable(f"{LOST[0].upper()}{LOST[1:]}.") from error


def connect(address: str) -> Connection:
    """The connection of this process, made if there is none; any thread may ask.

    Raises ConfigurationError without Ray, ServiceUnavailable where no cluster answers.
    """
    ray = load_ray()
    with _CONNECTING:
        if not ray.is_initialized():
            try:
                ray.init(address=address, logging_level="ERROR", log_to_driver=False, configure_logging=False)
            except REFUSED as error:
                raise ServiceUnavailable(unreachable(address, error)) from error
        return Connection(ray)


def _identity(ray: Any) -> tuple[str, str] | None:
    """The node by which this process is connected, and its job there: no two connections have both. None without."""
    if not ray.is_initialized():
        return None
    try:
        context = ray.get_runtime_context()
        return context.get_node_id(), context.get_job_id()
    except (ray.exceptions.RayError, AttributeError, RuntimeError, AssertionError):  # it has ended just now
        return None
