"""Places are given out in the order in which they were asked for, and no more than there are."""

from __future__ import annotations

import threading
import time

import pytest

from search_service.turns import Turns


def _until(turns: Turns, waiting: int) -> None:
    deadline = time.monotonic() + 10
    while turns.waiting != waiting:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_whoever_waits_longest_is_next() -> None:
    turns = Turns(1)
    served: list[int] = []

    def ask(number: int) -> None:
        for _ in range(3):  # whoever has just been served asks again at once, and is not served before the others
            with turns:
                served.append(number)

    with turns:
        threads = []
        for number in range(5):
            threads.append(threading.Thread(target=ask, args=(number,)))
            threads[-1].start()
            _until(turns, number + 1)
    for thread in threads:
        thread.join(10)
    assert served[:5] == [0, 1, 2, 3, 4]
    assert sorted(served) == sorted([0, 1, 2, 3, 4] * 3)
    assert turns.waiting == 0


def test_no_more_are_inside_than_there_are_places() -> None:
    turns, lock, inside, most = Turns(2), threading.Lock(), 0, 0

    def ask() -> None:
        nonlocal inside, most
        for _ in range(50):
            with turns:
                with lock:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0)
                with lock:
                    inside -= 1

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (inside, most) == (0, 2)


def test_a_place_is_given_back_whatever_happens() -> None:
    turns = Turns(1)
    with pytest.raises(ValueError, match="no"), turns:
        raise ValueError("no")
    with turns:
        pass
