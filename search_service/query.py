"""From a request body to a checked, canonical query: what is asked, free of how it was written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from clip_branches import __version__
from clip_branches.catalogue import Catalogue
from clip_branches.errors import InvalidInput
from clip_branches.schemas import ModelName, SearchRequest
from search_service.composition import Composition, read_composition
from search_service.wording import clean_text

_NAMED_IN_ERRORS = 10
_OPTIONAL = ("boxes_off", "terms", "cut", "compose")  # a request without them is the one it was before they were there


@dataclass(frozen=True)
class Query:
    """A search request in its one canonical form; two requests that mean the same are equal.

    ``image`` is the sha256 of an uploaded image's bytes; ``model`` is "text" where there are no labels; ``boxes_off``
    are sorted ids of boxes.
    """

    text: str | None
    image: str | None
    image_id: int | None
    without: tuple[str, ...]
    positive: tuple[int, ...]
    negative: tuple[int, ...]
    model: ModelName
    seed: int
    boxes_off: tuple[str, ...] = ()
    terms: tuple[tuple[str, float], ...] = ()
    cut: float | None = None
    compose: Composition | None = None

    @property
    def training(self) -> Query:
        """The query that the model is trained for: another cut or boxes switched off do not train another one."""
        return replace(self, boxes_off=(), cut=None)

    @property
    def has_anchor(self) -> bool:
        """Whether anything says what to look for, besides labels."""
        given = (self.text, self.image, self.image_id, self.compose)
        return any(part is not None for part in given) or bool(self.terms)

    def result_set(self, fingerprint: str, unlabelled: int) -> str:
        """Digest of all that an answer depends on: the catalogue's generation, the request, and this program."""
        query = {key: value for key, value in asdict(self).items() if key not in _OPTIONAL or value not in ((), None)}
        parts = {"version": __version__, "catalogue": fingerprint, "unlabelled": unlabelled, "query": query}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The query that ``to_json`` gave; KeyError or TypeError for anything else."""
        lists = {key: tuple(values[key]) for key in ("without", "positive", "negative")}
        lists["boxes_off"] = tuple(values.get("boxes_off", ()))
        lists["terms"] = tuple((str(text), float(weight)) for text, weight in values.get("terms", ()))
        compose = values.get("compose")
        if compose is not None:
            compose = Composition.from_json(compose)
        return cls(**{**values, **lists, "compose": compose})


def read_query(
    body: SearchRequest, catalogue: Catalogue, image: bytes | None, method: Callable[[str | None], str]
) -> Query:
    """The canonical query of ``body``, whose decoded image bytes are ``image``.

    ``method`` names the method of composition to take, with the digest of its network, for the one asked for.

    Labels are sorted and one given twice counts once. Raises InvalidInput, naming the field and what would work, for
    nothing to search for, an id that is positive and negative, an id outside the catalogue and labels without a
    positive.
    """
    text = clean_text(body.text or "") or None
    without = tuple(sorted({cleaned for item in body.without if (cleaned := clean_text(item))}))
    positive, negative = _labels(body, catalogue)
    if body.image_id is not None:
        _require_known([body.image_id], catalogue, "image_id")
    labelled = bool(positive)
    # Without labels nothing is random: requests that differ in what is not used are the same request.
    query = Query(
        text=text,
        image=None if image is None else hashlib.sha256(image).hexdigest(),
        image_id=body.image_id,
        without=without,
        positive=positive if body.model != "text" else (),
        negative=negative if body.model != "text" else (),
        model=body.model if labelled else "text",
        seed=body.seed if labelled and body.model != "text" else 0,
        boxes_off=tuple(sorted(set(body.boxes_off))),
        terms=_terms(body),
        cut=body.cut,
        compose=read_composition(body, lambda ids: _require_known(ids, catalogue, "compose.images"), method),
    )
    if query.cut is not None and query.model == "text":
        raise InvalidInput(
            "The 'cut' must be one of a model that has a cut: label images and use another model than 'text'. "
            "Got a ranking of the whole catalogue.",
            field="cut",
        )
    if query.boxes_off and query.model == "text":
        raise InvalidInput(
            "The 'boxes_off' must be boxes of a model that has some. Got labels and a model that make none: leave "
            "them out, or label images and use another model than 'text'.",
            field="boxes_off",
        )
    if not query.has_anchor and query.model == "text":
        raise InvalidInput(_nothing_to_search(body, labelled), field="text")
    return query


def _terms(body: SearchRequest) -> tuple[tuple[str, float], ...]:
    """Terms with something in them, sorted; one given twice counts for the sum of its weights."""
    weights: dict[str, float] = {}
    for term in body.terms:
        cleaned = clean_text(term.text)
        if cleaned:
            weights[cleaned] = weights.get(cleaned, 0.0) + term.weight
    return tuple(sorted(weights.items()))


def _labels(body: SearchRequest, catalogue: Catalogue) -> tuple[tuple[int, ...], tuple[int, ...]]:
    positive, negative = tuple(sorted(set(body.positive))), tuple(sorted(set(body.negative)))
    both = sorted(set(positive) & set(negative))
    if both:
        raise InvalidInput(
            f"An image must be positive or negative, not both. Got {_named(both)} in both lists.", field="negative"
        )
    _require_known(positive, catalogue, "positive")
    _require_known(negative, catalogue, "negative")
    if negative and not positive:
        raise InvalidInput(
            "Labels must hold at least one positive: mark an image that is right. "
            f"Got {len(negative)} negative and no positive.",
            field="positive",
        )
    return positive, negative


def _require_known(ids: Sequence[int], catalogue: Catalogue, field: str) -> None:
    if not ids:
        return
    unknown = [item for item, known in zip(ids, catalogue.contains(list(ids)).tolist(), strict=True) if not known]
    if unknown:
        raise InvalidInput(
            f"The '{field}' must be of images in the catalogue '{catalogue.path.name}'. "
            f"Got {_named(unknown)} instead, which it does not hold.",
            field=field,
        )


def _named(ids: Sequence[int]) -> str:
    more = f" and {len(ids) - _NAMED_IN_ERRORS} more" if len(ids) > _NAMED_IN_ERRORS else ""
    return ", ".join(str(item) for item in ids[:_NAMED_IN_ERRORS]) + more


def _nothing_to_search(body: SearchRequest, labelled: bool) -> str:
    if labelled:
        return "The model 'text' must have a text, image or term to rank by; it does not look at labels."
    if body.without:
        return "A search must say what to look for beside 'without': a 'text', image, term or positive label."
    return "A search must hold something to look for: 'text', 'image', 'image_id', 'terms' or 'positive'. Got none."
