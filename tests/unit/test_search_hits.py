"""The hits of an answer: the first at once, all of them once, whoever asks."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from clip_branches.engine import AnswerSet
from clip_branches.errors import InvalidInput
from search_service.answering import Answer
from search_service.hits import Hits
from search_service.writing import Writer

WHOLE = AnswerSet(np.arange(900, dtype=np.uint64), np.linspace(1, 0, 900, dtype=np.float32))


def test_the_first_pages_compute_nothing() -> None:
    computed: list[int] = []

    def complete() -> AnswerSet:
        computed.append(1)
        return WHOLE

    hits = Hits(WHOLE.total, WHOLE.page(0, 100), complete)
    assert hits.page(0, 60).ids.tolist() == list(range(60))
    assert hits.page(60, 40).ids.tolist() == list(range(60, 100))
    assert not computed
    assert not hits.known
    small = hits.nbytes
    assert hits.page(60, 60).ids.tolist() == list(range(60, 120))
    assert hits.page(880, 60).total == 20
    assert hits.page(2_000, 60).total == 0
    assert computed == [1]
    assert hits.known
    assert hits.nbytes > small
    with pytest.raises(InvalidInput):
        hits.page(-1, 5)


def test_many_threads_compute_once() -> None:
    computed: list[int] = []

    def complete() -> AnswerSet:
        time.sleep(0.05)
        computed.append(1)
        return WHOLE

    hits = Hits(WHOLE.total, WHOLE.page(0, 1), complete)
    with ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(lambda i: hits.page(10 * i, 10).ids.tolist(), range(40)))
    assert [item for page in pages for item in page] == list(range(400))
    assert computed == [1]


def test_a_failure_is_said_and_tried_again() -> None:
    tries: list[int] = []

    def complete() -> AnswerSet:
        tries.append(1)
        if len(tries) == 1:
            raise MemoryError("no room")
        return WHOLE

    hits = Hits(WHOLE.total, WHOLE.page(0, 1), complete)
    with pytest.raises(MemoryError):
        hits.whole()
    assert hits.whole().total == WHOLE.total


def test_answers_are_written_when_nothing_else_is_done() -> None:
    busy, saved = [True], []
    writer = Writer(lambda name, answer: saved.append((name, answer.result_set)), lambda: not busy)
    writer.add("birds", Answer("a" * 32, 1, "text", Hits.listed(WHOLE)))
    writer.add("birds", Answer("b" * 32, 1, "text", Hits(2_000_000, WHOLE, lambda: WHOLE)))  # too many to be worth it
    time.sleep(0.2)
    assert saved == []
    busy.clear()
    until = time.monotonic() + 20
    while not saved and time.monotonic() < until:
        time.sleep(0.01)
    assert saved == [("birds", "a" * 32)]
