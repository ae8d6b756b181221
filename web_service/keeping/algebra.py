"""Sets of images from saved answers: and, or, not, evaluated exactly on ids.

An expression is ``{"search": id}``, ``{"and": [...]}``, ``{"or": [...]}`` or ``{"not": expression}``. While it is
evaluated a set is either the ids it holds or the ids it lacks, so "not" costs nothing and needs no list of the whole
catalogue; what comes out at the end must be a set that can be listed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from clip_branches.errors import InvalidInput
from web_service.keeping.packed import KeptIds

Expression = dict[str, Any]
Ids = npt.NDArray[np.uint64]
MOST_DEEP = 16
MOST_PARTS = 50
_FORM = "{'search': id}, {'and': [...]}, {'or': [...]} or {'not': ...}"


@dataclass(frozen=True)
class Members:
    """A collection's images: ``found`` in order; ``held`` int64 (n,), bit i set where part i holds the image."""

    found: KeptIds
    held: npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Set:
    """The ids ``ids`` (sorted), or everything but them."""

    ids: Ids
    is_rest: bool = False

    def __invert__(self) -> _Set:
        return _Set(self.ids, not self.is_rest)

    def __and__(self, other: _Set) -> _Set:
        if self.is_rest and other.is_rest:
            return _Set(np.union1d(self.ids, other.ids), True)
        if self.is_rest:
            return other & self
        if other.is_rest:
            return _Set(np.setdiff1d(self.ids, other.ids, assume_unique=True))
        return _Set(np.intersect1d(self.ids, other.ids, assume_unique=True))

    def __or__(self, other: _Set) -> _Set:
        return ~(~self & ~other)


def parts_of(expression: Any) -> list[str]:
    """Ids of the saved searches that a checked expression names, each once, in the order of their first mention."""
    found: dict[str, None] = {}
    _walk(expression, found, 0)
    if len(found) > MOST_PARTS:
        raise InvalidInput(
            f"A collection must be made of at most {MOST_PARTS} saved searches. Got {len(found)}.", field="expression"
        )
    return list(found)


def evaluate(expression: Expression, answers: Mapping[str, KeptIds]) -> Members:
    """The images of a checked expression, exactly.

    They come in the order of the parts: first those of the first part that is named, in its own order, then what the
    second adds. A score (and votes) is that of the part where the image comes first. Raises InvalidInput for an
    expression whose set is everything but something.
    """
    result = _evaluate(expression, lambda name: _Set(np.sort(answers[name].ids)))
    if result.is_rest:
        raise InvalidInput(
            "A collection must say what it holds: 'not' alone is all the rest of the catalogue. Begin with a saved "
            "search, and take away from that.",
            field="expression",
        )
    left, pieces = result.ids, []
    names = parts_of(expression)
    for name in names:
        piece = answers[name].part(np.isin(answers[name].ids, left))
        left = np.setdiff1d(left, piece.ids, assume_unique=True)
        pieces.append(piece)
    found = KeptIds(np.concatenate([piece.ids for piece in pieces]), np.concatenate([piece.scores for piece in pieces]))
    held = np.zeros(found.total, np.int64)
    for bit, name in enumerate(names):
        held |= np.isin(found.ids, answers[name].ids).astype(np.int64) << bit
    return Members(found, held)


def _walk(expression: Any, found: dict[str, None], depth: int) -> None:
    if depth > MOST_DEEP:
        raise InvalidInput(f"An expression must be nested at most {MOST_DEEP} deep.", field="expression")
    if not isinstance(expression, dict) or len(expression) != 1:
        raise InvalidInput(f"An expression must be one of {_FORM}. Got {expression!r:.80} instead.", field="expression")
    ((kind, inner),) = expression.items()
    if kind == "search" and isinstance(inner, str):
        found[inner] = None
    elif kind == "not":
        _walk(inner, found, depth + 1)
    elif kind in ("and", "or") and isinstance(inner, list) and 0 < len(inner) <= MOST_PARTS:
        for part in inner:
            _walk(part, found, depth + 1)
    else:
        raise InvalidInput(f"An expression must be one of {_FORM}. Got {expression!r:.80} instead.", field="expression")


def _evaluate(expression: Expression, of: Callable[[str], _Set]) -> _Set:
    ((kind, inner),) = expression.items()
    if kind == "search":
        return of(inner)
    if kind == "not":
        return ~_evaluate(inner, of)
    sets = [_evaluate(part, of) for part in inner]
    result = sets[0]
    for other in sets[1:]:
        result = result & other if kind == "and" else result | other
    return result
