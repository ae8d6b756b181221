"""Caches in memory: least recently used first, by bytes and by number."""

from __future__ import annotations

from clip_branches.memory_budget import MemoryBudget


def kept(most: int = 100, max_bytes: int = 100) -> MemoryBudget[str, bytearray]:
    return MemoryBudget(max_bytes, most, len)


def test_what_was_not_asked_for_longest_goes_first() -> None:
    cache = kept(max_bytes=30)
    for name in "abc":
        cache.put(name, bytearray(10))
    assert cache.get("a") is not None
    cache.put("d", bytearray(10))
    assert [cache.get(name) is not None for name in "abcd"] == [True, False, True, True]
    assert cache.nbytes == 30


def test_the_number_of_values_is_bounded_too() -> None:
    cache = kept(most=2)
    for name in "abc":
        cache.put(name, bytearray(1))
    assert [cache.get(name) is not None for name in "abc"] == [False, True, True]


def test_a_value_that_grows_is_counted_as_it_is_now() -> None:
    cache = kept(max_bytes=30)
    grows = bytearray(10)
    cache.put("a", bytearray(10))
    cache.put("grows", grows)
    grows.extend(bytes(15))
    assert cache.get("grows") is grows
    assert cache.get("a") is None
    assert len(cache) == 1


def test_a_value_larger_than_all_stays_until_the_next() -> None:
    cache = kept(max_bytes=30)
    cache.put("large", bytearray(1_000))
    assert cache.get("large") is not None
    cache.put("small", bytearray(1))
    assert cache.get("large") is None
    assert cache.nbytes == 1


def test_a_value_takes_the_place_of_an_earlier_one() -> None:
    cache = kept(max_bytes=30)
    cache.put("a", bytearray(20))
    cache.put("a", bytearray(25))
    assert cache.nbytes == 25
