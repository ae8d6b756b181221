"""The thread that saves answers: nothing ends it but the service."""

from __future__ import annotations

import logging
import threading
import time

import numpy as np
import pytest

from clip_branches.engine import AnswerSet
from search_service.answering import Answer
from search_service.hits import Hits
from search_service.writing import Writer

_WHOLE = AnswerSet(np.arange(9, dtype=np.uint64), np.linspace(1, 0, 9, dtype=np.float32))


def _answer(name: str) -> Answer:
    return Answer(name * 32, 1, "text", Hits.listed(_WHOLE))


def _writers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "answer-writer"]


def test_whatever_goes_wrong_with_one_answer_the_next_is_saved(caplog: pytest.LogCaptureFixture) -> None:
    saved = threading.Event()

    def save(name: str, answer: Answer) -> None:
        if answer.result_set.startswith("a"):
            raise AttributeError("'NoneType' object has no attribute 'address_info'")
        saved.set()

    writer = Writer(save, lambda: True)
    with caplog.at_level(logging.ERROR):
        writer.add("birds", _answer("a"))
        writer.add("birds", _answer("b"))
        assert saved.wait(30)
    [record] = [record for record in caplog.records if record.getMessage() == "an answer cannot be stored"]
    assert record.exc_info is not None
    assert record.exc_info[0] is AttributeError
    writer.stop()


@pytest.mark.parametrize("idle", [True, False])
def test_a_stopped_writer_has_no_thread_and_saves_nothing_more(idle: bool) -> None:
    before = len(_writers())
    saved: list[str] = []
    writer = Writer(lambda name, answer: saved.append(name), lambda: idle)
    writer.stop()  # it has not begun
    writer = Writer(lambda name, answer: saved.append(name), lambda: idle)
    writer.add("birds", _answer("a"))
    writer.stop()
    writer.add("trees", _answer("b"))
    time.sleep(0.05)
    assert len(_writers()) == before
    assert "trees" not in saved
