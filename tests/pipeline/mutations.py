"""Bytes and JSON changed at random, reproducibly: what disks, copies and strangers do to files."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

_HOW = ("cut", "flip", "zero", "overwrite", "insert", "remove", "repeat", "swap")
_ODD: list[Any] = [
    None, True, False, 0, -1, 1, 255, 2**31, 2**63, 2**64, 10**40, 0.5, -0.0, 1e39, 1e308, "", "x", "../../etc/passwd",
    "/etc/passwd", "a\x00b", "\ud800", "=1+1", "\r\nX: y", "x" * 5_000, [], [[]], {}, {"a": 1}, [None],
    [0] * 300, [1e39],
]  # fmt: skip


@st.composite
def changed_bytes(draw: st.DrawFn, length: int) -> list[tuple[str, int, bytes]]:
    """One to three changes for a file of ``length`` bytes; most near its beginning, where formats say what they are."""
    near = st.one_of(st.integers(0, min(256, length)), st.integers(0, length))
    return draw(
        st.lists(st.tuples(st.sampled_from(_HOW), near, st.binary(min_size=1, max_size=16)), min_size=1, max_size=3)
    )


def apply(content: bytes, changes: list[tuple[str, int, bytes]]) -> bytes:
    """``content`` after the changes."""
    for how, place, other in changes:
        size = len(other)
        before, here, after = content[:place], content[place : place + size], content[place + size :]
        if how == "cut":
            content = before
        elif how == "flip" and here:
            content = before + bytes([here[0] ^ (1 << other[0] % 8)]) + here[1:] + after
        elif how == "zero":
            content = before + bytes(len(here)) + after
        elif how == "overwrite":
            content = before + other + after
        elif how == "insert":
            content = before + other + here + after
        elif how == "remove":
            content = before + after
        elif how == "repeat":
            content = before + here * (other[0] or 1) + after
        elif how == "swap":
            content = before + here[::-1] + after
    return content


@st.composite
def changed_json(draw: st.DrawFn) -> list[tuple[int, Any]]:
    """One or two values of a JSON document, by their number in it, and what stands there instead."""
    return draw(st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from(_ODD)), min_size=1, max_size=2))


def apply_json(content: bytes, changes: list[tuple[int, Any]]) -> bytes:
    """The document with other values; still JSON, and of the same keys but where a whole part was replaced."""
    document = json.loads(content)
    for number, value in changes:
        places = list(_places(document))
        if places:
            holder, key = places[number % len(places)]
            holder[key] = copy.deepcopy(value)
    return json.dumps(document).encode()


def _places(document: Any) -> Any:
    pairs = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in list(pairs):
        yield document, key
        yield from _places(value)
