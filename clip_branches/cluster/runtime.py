"""The one place where Ray is imported: without it everything else works, and asking for it says what to install."""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
from collections.abc import Iterator
from typing import Any

from clip_branches.errors import ConfigurationError

REFUSED = (ConnectionError, RuntimeError, ValueError, TimeoutError)  # what Ray raises where no cluster answers
_ANSWERS_S = 5.0


def load_ray() -> Any:
    """The module ``ray``. Raises ConfigurationError, saying how to install it, where it is not."""
    # Without a connection Ray would else answer any call by starting a cluster of its own on this machine.
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
    try:
        return importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "The engine 'ray' needs Ray, which is not installed here. Run: pip install -r requirements-ray.txt"
        ) from error


def unreachable(address: str, error: Exception) -> str:
    """What is said of a cluster that cannot be joined."""
    said = str(error).strip().splitlines()
    return (
        f"The Ray cluster must be reachable at {address!r} from this machine, which must belong to it. "
        f"Got: {said[0] if said else type(error).__name__}"
    )


@contextlib.contextmanager
def connected(address: str) -> Iterator[Any]:
    """The module ``ray``, connected to the cluster at ``address`` while the block runs.

    "auto" is the cluster that RAY_ADDRESS names, or the one that runs on this machine; "local" starts one here for the
    time of the block. A connection that the process has already is used, and left as it is. Raises ConfigurationError
    where no cluster answers.
    """
    ray = load_ray()
    if ray.is_initialized():
        yield ray
        return
    _check_answers(address)
    try:
        ray.init(address=address, logging_level="ERROR", log_to_driver=False, include_dashboard=_dashboard(address))
    except REFUSED as error:
        raise ConfigurationError(f"{unreachable(address, error)} Start one with: ray start --head") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Raise ConfigurationError where nothing listens at HOST:PORT: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "://" in address:
        return
    try:
        socket.create_connection((host, int(port)), _ANSWERS_S).close()
    except (OSError, OverflowError) as error:
        raise ConfigurationError(
            f"The Ray cluster must be reachable at {address!r}. Got: {error}. Start one with: ray start --head"
        ) from error


def _dashboard(address: str) -> bool | None:
    # May only be said of a cluster that this call starts.
    return False if address == "local" else None


def on_node(node: str) -> Any:
    """The scheduling strategy that runs a task on the node with this id, or not at all."""
    strategies = importlib.import_module("ray.util.scheduling_strategies")
    return strategies.NodeAffinitySchedulingStrategy(node_id=node, soft=False)
