"""The service's own connection to the cluster: made once, and kept."""

from __future__ import annotations

import threading
from typing import Any

from clip_branches.cluster.runtime import load_ray
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
            except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
                said = str(error).strip().splitlines()
                raise ServiceUnavailable(
                    f"The Ray cluster must be reachable at {address!r} from this machine, which must belong to it. "
                    f"Got: {said[0] if said else type(error).__name__}"
                ) from error
    return ray
