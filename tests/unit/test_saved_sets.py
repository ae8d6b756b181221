"""Saved answers as bytes, and the algebra of their sets, held to Python's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clip_branches.errors import DamagedFile, InvalidInput
from web_service.keeping.algebra import MOST_DEEP, MOST_PARTS, evaluate, parts_of
from web_service.keeping.answers import request_of
from web_service.keeping.packed import KeptIds, pack, unpack

UNIVERSE = frozenset(range(24))
NAMES = ("a", "b", "c", "d")


def kept(ids: list[int], votes: list[int] | None = None) -> KeptIds:
    return KeptIds(
        np.array(ids, np.uint64),
        np.linspace(1, 0, len(ids), dtype=np.float32),
        None if votes is None else np.array(votes, np.int16),
    )


ids = st.lists(st.integers(0, 2**63 - 1), unique=True, max_size=60)
expressions = st.recursive(
    st.sampled_from(NAMES).map(lambda name: {"search": name}),
    lambda inner: st.one_of(
        inner.map(lambda one: {"not": one}),
        st.lists(inner, min_size=1, max_size=3).map(lambda many: {"and": many}),
        st.lists(inner, min_size=1, max_size=3).map(lambda many: {"or": many}),
    ),
    max_leaves=8,
)
answers = st.fixed_dictionaries({name: st.lists(st.sampled_from(sorted(UNIVERSE)), unique=True) for name in NAMES})


@given(ids, st.booleans(), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_an_answer_survives_its_bytes(listed: list[int], voted: bool, random: Any) -> None:
    answer = kept(listed, [random.randint(0, 25) for _ in listed] if voted else None)
    again = unpack(pack(answer))
    assert again.ids.tolist() == listed
    assert again.scores.tobytes() == answer.scores.tobytes()
    assert (again.votes is None) == (not voted)
    assert again.votes is None or again.votes.tolist() == answer.votes.tolist()  # type: ignore[union-attr]


def test_bytes_that_are_no_answer_are_damaged() -> None:
    whole = pack(kept(list(range(100))))
    assert len(pack(kept(list(range(100_000))))) < 500_000
    for broken in (
        b"",
        b"x" * 40,
        whole[:-1],
        whole[:20],
        b"CBA1" + b"\xff" * 9 + whole[13:],
        whole[:30] + b"\0" + whole[31:],
    ):
        with pytest.raises(DamagedFile):
            unpack(broken)


def naive(expression: dict[str, Any], sets: dict[str, frozenset[int]]) -> frozenset[int]:
    ((kind, inner),) = expression.items()
    if kind == "search":
        return sets[inner]
    if kind == "not":
        # Far more than any answer holds: what "not" leaves over is recognised by the ids that no answer has.
        return frozenset(range(-5, 30)) - naive(inner, sets)
    parts = [naive(part, sets) for part in inner]
    return frozenset.intersection(*parts) if kind == "and" else frozenset.union(*parts)


@given(expressions, answers)
@settings(max_examples=300)
def test_sets_are_those_of_python(expression: dict[str, Any], listed: dict[str, list[int]]) -> None:
    expected = naive(expression, {name: frozenset(values) for name, values in listed.items()})
    known = {name: kept(values) for name, values in listed.items()}
    if -1 in expected:
        with pytest.raises(InvalidInput, match="must say what it holds"):
            evaluate(expression, known)
        return
    members = evaluate(expression, known)
    assert frozenset(members.found.ids.tolist()) == expected
    assert members.found.total == len(expected)
    names = parts_of(expression)
    for item, bits in zip(members.found.ids.tolist(), members.held.tolist(), strict=True):
        assert [name for bit, name in enumerate(names) if bits >> bit & 1] == [n for n in names if item in listed[n]]
    # First the images of the first part that is named, in its order, then what the second adds.
    ranks = []
    for item in members.found.ids.tolist():
        first = next(number for number, name in enumerate(names) if item in listed[name])
        ranks.append((first, listed[names[first]].index(item)))
    assert ranks == sorted(ranks)


@pytest.mark.parametrize(
    "expression",
    [
        {}, [], "a", {"xor": []}, {"and": []}, {"or": "a"}, {"search": 3}, {"search": "a", "not": {"search": "b"}},
        {"not": [{"search": "a"}]}, {"and": [{"search": "a"}] * (MOST_PARTS + 1)},
        {"or": [{"or": [{"search": f"{i}-{j}"} for j in range(10)]} for i in range(6)]},
    ],
)  # fmt: skip
def test_what_is_no_expression_is_refused(expression: Any) -> None:
    with pytest.raises(InvalidInput, match="must be"):
        parts_of(expression)


def test_an_expression_too_deep_is_refused() -> None:
    expression: dict[str, Any] = {"search": "a"}
    for _ in range(MOST_DEEP + 1):
        expression = {"not": expression}
    with pytest.raises(InvalidInput, match="nested at most"):
        parts_of(expression)


def test_a_request_is_made_of_its_recipe_again_or_refused() -> None:
    query = {
        "text": "red", "image": None, "image_id": 3, "without": ["x"], "positive": [1], "negative": [], "model": "auto",
        "seed": 4, "boxes_off": [], "terms": [["blue", 2.0]], "cut": 0.5,
    }  # fmt: skip
    body = request_of({"query": query}, None)
    assert body == {
        "text": "red", "image_id": 3, "without": ["x"], "positive": [1], "negative": [], "model": "auto", "seed": 4,
        "terms": [{"text": "blue", "weight": 2.0}], "cut": 0.5, "limit": 1,
    }  # fmt: skip
    # What this program does not know is not left out in silence: the answer would be another one.
    with pytest.raises(InvalidInput, match="saved with later"):
        request_of({"query": {**query, "later": 1}}, None)
    with pytest.raises(InvalidInput, match="was not kept with it"):
        request_of({"query": {**query, "image": "0" * 64}}, None)
    compose = {"words": "at night", "also": [5], "balance": 0.4, "method": "combiner@0a1b2c3d4e5f"}
    assert request_of({"query": {**query, "compose": compose}}, None)["compose"] == {
        "texts": ["at night"], "images": [5], "balance": 0.4, "method": "combiner",
    }  # fmt: skip
