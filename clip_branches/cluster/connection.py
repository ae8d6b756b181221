"""The service's own connection to the cluster: made once, and kept."""

from __future__ import annotations

import threading
from typing import Any

from clip_branches.cluster.runtime import REFUSED, load_ray, unreachable
from clip_branches.errors import ServiceUnavailable

_CONNECTING = threading.Lock()


def connect(address: str) -> Any:
    """The module ``ray``, connected; any thread may ask, and a connection that the process has already is used.

    Raises ConfigurationError without Ray, ServiceUnavailable where no cluster answers.
    """
    ray = load_ray()
    with _CONNECTING:
        if not ray.is_initialized():
            try:
                ray.init(address=address, logging_level="ERROR", log_to_driver=False, configure_logging=False)
            except REFUSED as error:
                raise ServiceUnavailable(unreachable(address, error)) from error
    return ray
