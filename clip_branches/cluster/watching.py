"""Who watches over actors: asks each whether it is alive, and ends them all when they are no longer needed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from clip_branches.cluster.asking import reason_of
from clip_branches.cluster.connection import LOST, Connection
from clip_branches.cluster.replicas import SILENT, Replica, ReplicaSet
from clip_branches.cluster.runtime import load_ray
from clip_branches.errors import ClipBranchesError, ServiceUnavailable

_log = logging.getLogger(__name__)
_LOOK_S = 0.25
_EVERY_S = 1.0  # between two questions to the same actor


class Watcher:
    """A thread that looks at ``shards`` until ``over()`` says that they are not needed, and then calls ``end(ray)``.

    It holds the actors and nothing of who uses them: what nobody uses any more can be told from outside. Where the
    connection has ended, and the actors with it, it says so of all of them, and is done.
    """

    def __init__(
        self,
        connection: Connection,
        shards: Sequence[ReplicaSet],
        over: Callable[[], bool],
        end: Callable[[Any], None],
    ) -> None:
        self._connection = connection
        self._shards = shards
        self._over = over
        self._end = end
        self.wake = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch-shards", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _watch(self) -> None:
        while self._connection.stands:
            over = self._over()
            try:
                with self._connection.using() as ray:
                    if over:
                        self._end(ray)
                    else:
                        self._look_at_all()
            except ServiceUnavailable:  # the connection has just ended
                continue
            except Exception:  # noqa: BLE001 - nobody else would look; the next look may succeed
                _log.exception("a look at the shards failed")
            if over:
                return
            self.wake.wait(_LOOK_S)
        for shard in self._shards:
            for replica in shard.replicas:
                shard.note(replica, LOST, refused=True)

    def _look_at_all(self) -> None:
        for shard in self._shards:
            for replica in shard.replicas:
                _look(shard, replica)


def _look(shard: ReplicaSet, replica: Replica) -> None:
    question = replica.question
    if question is None:
        if not replica.well or time.monotonic() - replica.asked_at >= _EVERY_S:
            replica.ask_alive()
        return
    told = _told(question)
    if told is None and not (replica.well and replica.is_late):
        return
    if replica.question is not question:  # a request has found out more meanwhile
        return
    if told is None:
        shard.note(replica, SILENT)
        return
    replica.question = None
    if told.trouble is None:
        shard.heard(replica)
    shard.note(replica, told.trouble, refused=told.refused)


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
