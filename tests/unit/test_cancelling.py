"""Work that nobody waits for: told by a real connection that is closed, and by the clock."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from clip_branches.cancelling import Work, checkpoint, current_work, has_gone, working_on
from clip_branches.errors import Cancelled, TimeLimit
from clip_branches.service.limits import Places


def test_a_client_has_gone_when_it_closed_its_side() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        assert not has_gone(ours)
        theirs.sendall(b"the next request")
        assert not has_gone(ours)
        assert ours.recv(100) == b"the next request"  # nothing was taken from it
        theirs.close()
        assert has_gone(ours)
    assert has_gone(ours)


def test_work_ends_at_its_next_checkpoint_when_the_client_goes() -> None:
    ours, theirs = socket.socketpair()
    with ours, working_on(Work(ours, 60)):
        checkpoint()
        theirs.close()
        with pytest.raises(Cancelled):
            checkpoint()
    checkpoint()  # and outside of the work nothing does


def test_work_ends_when_its_time_is_up_unless_its_answer_has_begun() -> None:
    work = Work(None, 0)
    with working_on(work):
        with pytest.raises(TimeLimit, match="0 s"):
            checkpoint()
        work.unlimited()
        checkpoint()


def test_each_thread_has_its_own_work() -> None:
    seen: list[Work | None] = []
    with working_on(Work(None, 1)):
        thread = threading.Thread(target=lambda: seen.append(current_work()))
        thread.start()
        thread.join()
    assert seen == [None]


def test_places_are_given_in_turn_and_refused_beyond_those_who_wait() -> None:
    places = Places(at_work=1, waiting=1, wait_s=300)
    places.take()
    waiter = threading.Thread(target=places.take)
    waiter.start()
    deadline = time.monotonic() + 60
    while places.inside < 2:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    with pytest.raises(Exception, match="1 requests are at work and 1 wait"):
        places.take()
    assert waiter.is_alive()
    places.give_back()
    waiter.join(60)
    assert not waiter.is_alive()
    assert places.inside == 1


def test_nobody_waits_longer_than_wait_s() -> None:
    places = Places(at_work=1, waiting=5, wait_s=0.02)
    places.take()
    with pytest.raises(Exception, match="waited"):
        places.take()
    assert places.inside == 1
