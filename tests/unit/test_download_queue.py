"""The queue of links: turns, bounds and pauses of hosts."""

from __future__ import annotations

from preprocessing.download.queue import Job, LinkQueue


def test_the_queue_gives_hosts_turns_and_keeps_their_pauses() -> None:
    now = [0.0]
    queue: LinkQueue[int] = LinkQueue(2, clock=lambda: now[0])
    for number in range(4):
        queue.put(Job(f"http://a/{number}", number))
    queue.put(Job("http://b/9", 9))
    taken = [queue.take() for _ in range(3)]
    assert [job.item for job in taken if job] == [0, 9, 1]  # two of a at most
    queue.pause("a", 10)
    first = taken[0]
    assert first is not None
    queue.finished(first)
    queue.put(Job("http://b/10", 10), after_s=5)
    now[0] = 5.0
    later = queue.take()
    assert later is not None
    assert later.item == 10
    now[0] = 10.0
    resumed = queue.take()
    assert resumed is not None
    assert resumed.item == 2
    queue.close()
    assert queue.take() is None


def test_a_queue_of_many_hosts_forgets_those_that_are_done() -> None:
    queue: LinkQueue[int] = LinkQueue(2)
    for number in range(1_000):
        queue.put(Job(f"http://host{number}/", number))
    seen = set()
    while len(queue):
        job = queue.take()
        assert job is not None
        seen.add(job.item)
        queue.finished(job)
    assert len(seen) == 1_000
    assert not queue._hosts
