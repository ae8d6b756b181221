"""Who watches over actors: asks each whether it is alive, and ends them all when they are no longer needed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from clip_branches.cluster.asking import reason_of
from clip_branches.cluster.replicas import SILENT, Replica, ReplicaSet
from clip_branches.cluster.runtime import load_ray
from clip_branches.errors import ClipBranchesError

_log = logging.getLogger(__name__)
_LOOK_S = 0.25
_EVERY_S = 1.0  # between two questions to the same actor
_SILENT_S = 3.0  # without an answer it is not well: the node may be gone without a word


class Watcher:
    """A thread that looks at ``shards`` until ``over()`` says that they are not needed, and then calls ``end``.

    It holds the actors and nothing of who uses them: what nobody uses any more can be told from outside.
    """

    def __init__(self, shards: Sequence[ReplicaSet], over: Callable[[], bool], end: Callable[[], None]) -> None:
        self._shards = shards
        self._over = over
        self._end = end
        self.wake = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch-shards", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _watch(self) -> None:
        ray = load_ray()
        while not self._over():
            if not ray.is_initialized():  # asking an actor now would start a cluster of its own
                return
            for shard in self._shards:
                for replica in shard.replicas:
                    self._look(shard, replica)
            self.wake.wait(_LOOK_S)
        self._end()

    def _look(self, shard: ReplicaSet, replica: Replica) -> None:
        now, question = time.monotonic(), replica.question
        if question is None:
            if now - replica.asked_at >= _EVERY_S or not replica.well:
                replica.ask_alive()
            return
        told = _told(question)
        if told is None and not (replica.well and now - replica.asked_at > _SILENT_S):
            return
        if replica.question is not question:  # a request has found out more meanwhile
            return
        if told is None:
            _note(shard, replica, SILENT, refused=False)
        else:
            replica.question = None
            _note(shard, replica, told.trouble, refused=told.refused)


class _Told(NamedTuple):
    """What an actor says of itself: nothing is wrong (None), or what is, and whether that is its own word."""

    trouble: str | None
    refused: bool


def _told(question: Any) -> _Told | None:
    """The answer; None while there is none."""
    ray = load_ray()
    try:
        done, _ = ray.wait([question], timeout=0)
        if not done:
            return None
        ray.get(question, timeout=1)
    except (ray.exceptions.RayTaskError, ray.exceptions.ActorDiedError) as error:
        try:
            return _Told(reason_of(error), True)
        except (ray.exceptions.RayError, ClipBranchesError) as wrong:
            return _Told(f"it cannot start: {str(wrong).strip().splitlines()[-1]}", True)
    except ray.exceptions.RayError as error:
        return _Told(reason_of(error), False)
    return _Told(None, False)


def _note(shard: ReplicaSet, replica: Replica, trouble: str | None, *, refused: bool) -> None:
    replica.refused = refused
    if trouble != replica.trouble:
        replica.trouble = trouble
        details = {"shard": shard.name, "well": shard.well, "reason": trouble}
        _log.log(logging.WARNING if trouble else logging.INFO, "a replica changed", extra=details)
