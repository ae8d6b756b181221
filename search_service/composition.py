"""What a request says of images and words that change them, in its one canonical form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from clip_branches.errors import InvalidInput
from clip_branches.schemas import Compose, SearchRequest, Term
from search_service.wording import clean_text

Said = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Composition:
    """Words that change the query's images.

    Attributes
    ----------
    words : instructions and their weights; texts of one weight are one, joined by " and " as FashionIQ's captions.
    less : what is to be less, with weights.
    also : ids of further images, with weights.
    own : weight of the query's own images.
    balance : from 0 (look alone) to 1 (words alone).
    method : named with its network's digest; "" where there are no words to compose with.
    """

    words: Said
    less: Said
    also: tuple[tuple[int, float], ...]
    own: float
    balance: float
    method: str

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """What ``dataclasses.asdict`` gave, after JSON; KeyError or TypeError for anything else."""
        if isinstance(values["words"], str):
            raise TypeError("words must be pairs of a text and a weight")
        pairs = {key: tuple((one, float(weight)) for one, weight in values[key]) for key in ("words", "less", "also")}
        return cls(**{**values, **pairs})


def read_composition(
    body: SearchRequest, require_known: Callable[[Sequence[int]], None], method: Callable[[str | None], str]
) -> Composition | None:
    """The composition of ``body``, None where it has none.

    ``require_known`` raises for ids that the catalogue does not hold. Raises InvalidInput where there is no image, or
    nothing that changes it.
    """
    asked = body.compose
    if asked is None:
        return None
    also = _images(asked)
    require_known([item for item, _ in also])
    words, less = _instructions(_cleaned(asked.texts)), _summed(_cleaned(asked.without))
    if not (words or less or also):
        raise InvalidInput(
            "A 'compose' must hold words, in 'texts' or 'without', or further 'images'. Got none.",
            field="compose.texts",
        )
    if body.image is None and body.image_id is None and not also:
        raise InvalidInput(
            "The words of 'compose' must have an image to change: give 'image', 'image_id' or 'compose.images'.",
            field="compose.images",
        )
    # Without words there is nothing to weigh against the look: requests that differ in what is not used are the same.
    balance, named = (asked.balance, method(asked.method)) if words else (0.0, "")
    return Composition(words, less, also, asked.weight if also else 1.0, balance, named)


def _cleaned(texts: Iterable[Term]) -> list[tuple[str, float]]:
    return [(cleaned, one.weight) for one in texts if (cleaned := clean_text(one.text))]


def _instructions(texts: list[tuple[str, float]]) -> Said:
    """Texts of one weight joined, heaviest first; of one weight alone it does not matter which."""
    weights = sorted({weight for _, weight in texts}, reverse=True)
    joined = [(" and ".join(text for text, own in texts if own == weight), weight) for weight in weights]
    return tuple((text, 1.0) for text, _ in joined) if len(joined) == 1 else tuple(joined)


def _summed(texts: list[tuple[str, float]]) -> Said:
    weights: dict[str, float] = {}
    for text, weight in texts:
        weights[text] = weights.get(text, 0.0) + weight
    return tuple(sorted(weights.items()))


def _images(asked: Compose) -> tuple[tuple[int, float], ...]:
    """Ids with their weights, sorted; of one that is given twice the last weight counts."""
    return tuple(sorted({one.id: one.weight for one in asked.images}.items()))
