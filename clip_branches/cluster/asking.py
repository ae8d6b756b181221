"""Asking shards: all at once, another replica where one fails or is slow, and all of the answer or none."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from clip_branches.cluster.actor import Asked, Told
from clip_branches.cluster.replicas import Replica, ReplicaSet
from clip_branches.cluster.runtime import load_ray
from clip_branches.errors import ClipBranchesError, InvalidInput, NotFound

_NOBODY = "no replica of it answers"


class _Question:
    """What is asked of one shard, of one replica after another."""

    def __init__(self, shard: ReplicaSet, name: Asked, arguments: Sequence[Any]) -> None:
        self.shard = shard
        self._name: Asked = name
        self._arguments = arguments
        self._left = shard.order()
        self.pending: dict[Any, Replica] = {}
        self.until = 0.0
        self._why = _NOBODY

    def ask(self, timeout_s: float) -> None:
        """Ask the next replica too; ServiceUnavailable when nobody is left and nobody may still answer."""
        if self._left:
            replica = self._left.pop(0)
            self.pending[replica.actor.ask.remote(self._name, *self._arguments)] = replica
            self.until = time.monotonic() + timeout_s
        elif not self.pending or time.monotonic() >= self.until:
            raise self.shard.missing(
                self.shard.why() or (f"no answer within {timeout_s:g} s" if self.pending else self._why)
            )

    def answered(self, reference: Any) -> None:
        """A replica has answered, whatever it took."""
        self.shard.heard(self.pending[reference])

    def failed(self, reference: Any, why: str, timeout_s: float) -> None:
        """A replica cannot answer: the next one, unless another is being asked already."""
        replica = self.pending.pop(reference)
        replica.question = None
        self.shard.note(replica, why)
        self._why = why
        if not self.pending:
            self.ask(timeout_s)


def ask_shards(
    shards: Sequence[ReplicaSet], name: Asked, arguments: Mapping[int, Sequence[Any]], timeout_s: float
) -> dict[int, Told]:
    """What the method ``name`` of each shard in ``arguments`` answers.

    A replica that fails is passed over, one that takes longer than ``timeout_s`` stays asked beside the next. Raises
    ServiceUnavailable naming the shard of which no replica answers, and whatever is wrong with the question.
    """
    ray = load_ray()
    questions = {number: _Question(shards[number], name, own) for number, own in arguments.items()}
    for question in questions.values():
        question.ask(timeout_s)
    answers: dict[int, Told] = {}
    while len(answers) < len(questions):
        waiting = {number: question for number, question in questions.items() if number not in answers}
        owners = {reference: number for number, question in waiting.items() for reference in question.pending}
        until = min(question.until for question in waiting.values())
        done, _ = ray.wait(list(owners), num_returns=1, timeout=max(0.0, until - time.monotonic()))
        for reference in done:
            number = owners[reference]
            try:
                answers[number] = ray.get(reference, timeout=timeout_s)
                waiting[number].answered(reference)
            except ray.exceptions.RayError as error:
                waiting[number].failed(reference, reason_of(error), timeout_s)
        if not done:
            for question in waiting.values():
                if time.monotonic() >= question.until:
                    question.ask(timeout_s)
    return answers


def reason_of(error: Exception) -> str:
    """Why a replica did not answer; raises what is the question's fault instead, and what is a fault of the code."""
    ray = load_ray()
    if not isinstance(error, ray.exceptions.RayTaskError):
        return _told(error)
    cause = getattr(error, "cause", None)
    if isinstance(cause, InvalidInput | NotFound):
        raise type(cause)(cause.message, field=cause.field)
    if isinstance(cause, ClipBranchesError):
        return cause.message.rstrip(".")
    if isinstance(cause, OSError | MemoryError):
        return f"{type(cause).__name__}: {cause}"
    raise error


def _told(error: Exception) -> str:
    names = {
        "ActorUnavailableError": "its actor does not answer",
        "GetTimeoutError": "its answer did not arrive",
    }
    name = type(error).__name__
    if name == "ActorDiedError":
        return f"its actor has ended: {str(error).strip().splitlines()[-1]}"
    return names.get(name, f"{name} of its actor")
