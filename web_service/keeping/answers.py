"""What is asked of the search and data services: an answer to be kept, the same search again, a file of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import numpy as np
from flask import Response

from clip_branches.errors import InvalidInput, TooLarge
from clip_branches.schemas.answers import MAX_EXPORTED
from web_service.keeping.packed import KeptIds
from web_service.upstream import Upstream

_ITEMS_AT_ONCE = 1_000
_LABELLED = ("positive", "negative")
# What a request is made of again; a search of anything else is not run as if it were without.
_KNOWN = (*_LABELLED, "text", "image", "image_id", "without", "terms", "model", "seed", "boxes_off", "cut", "compose")


class Answers:
    """Answers of the search service, as they are now."""

    def __init__(self, search: Upstream, data: Upstream) -> None:
        self._search = search
        self._data = data

    def recipe(self, catalogue: str, result_set: str, where: Sequence[str]) -> dict[str, Any]:
        """All that gives an answer again; TooLarge for one with more images than can be kept."""
        recipe = self._search.ask(_path(catalogue, result_set, "export", where, format="recipe"))
        if recipe["exported"] > MAX_EXPORTED:
            raise TooLarge(
                f"An answer of at most {MAX_EXPORTED:,} images can be saved. This one has {recipe['exported']:,}: "
                "refine it, or filter it first."
            )
        return recipe

    def ids(self, catalogue: str, result_set: str, where: Sequence[str]) -> KeptIds:
        """The images of an answer with their scores, best first."""
        told = self._search.ask(_path(catalogue, result_set, "ids", where, scores="true"))
        votes = told.get("votes")
        return KeptIds(
            np.array(told["ids"], np.uint64),
            np.array(told["scores"], np.float32),
            None if votes is None else np.array(votes, np.int16),
        )

    def again(self, recipe: dict[str, Any], image: str | None) -> tuple[dict[str, Any], int]:
        """(the answer of the catalogue as it is now, how many marked images it does not hold any more)."""
        path = f"/v1/catalogues/{recipe['catalogue']}/search"
        body = request_of(recipe, image)
        try:
            return self._search.ask(path, body), 0
        except InvalidInput as error:
            if error.field not in _LABELLED:
                raise
        # Images that were marked may have been deleted since: the others still say what is looked for.
        gone = self._missing(recipe["catalogue"], [item for side in _LABELLED for item in body.get(side, [])])
        for side in _LABELLED:
            body[side] = [item for item in body.get(side, []) if item not in gone]
        return self._search.ask(path, body), len(gone)

    def file(self, catalogue: str, body: dict[str, Any]) -> Response:
        """A file of images, streamed through from the search service."""
        return self._search.forward_json(f"/v1/catalogues/{catalogue}/export", body)

    def _missing(self, catalogue: str, ids: Sequence[int]) -> set[int]:
        missing: set[int] = set()
        for start in range(0, len(ids), _ITEMS_AT_ONCE):
            listed = ",".join(str(item) for item in ids[start : start + _ITEMS_AT_ONCE])
            missing |= set(self._data.ask(f"/v1/catalogues/{catalogue}/items?ids={listed}")["missing"])
        return missing


def request_of(recipe: dict[str, Any], image: str | None) -> dict[str, Any]:
    """The search request that a recipe is of; ``image`` is its uploaded query image, if it had one."""
    query = recipe["query"]
    more = sorted(name for name, value in query.items() if value and name not in _KNOWN)
    if more:
        raise InvalidInput(f"The search was saved with {', '.join(more)}, and cannot be run again by this program.")
    body = {name: query[name] for name in ("text", "image_id", "without", "seed") if query.get(name) is not None}
    body["terms"] = [{"text": text, "weight": weight} for text, weight in query.get("terms") or ()]
    if query.get("image") is not None:
        if image is None:
            raise InvalidInput(
                "The search began with an uploaded image that was not kept with it, so it cannot be run again. Its "
                "answer is kept as it was.",
                field="image",
            )
        body["image"] = image
    if query["positive"] or query["negative"]:
        body |= {"model": query["model"], "positive": query["positive"], "negative": query["negative"]}
    if query.get("compose"):
        body["compose"] = _composed(query["compose"])
    if query.get("boxes_off"):
        body["boxes_off"] = query["boxes_off"]
    if query.get("cut") is not None:
        body["cut"] = query["cut"]
    return body | {"limit": 1}


def _composed(compose: dict[str, Any]) -> dict[str, Any]:
    """The part of a request that changes images by words; a method is kept with the digest of its network."""
    method = compose["method"].partition("@")[0]
    return {
        "texts": [compose["words"]],
        "images": list(compose["also"]),
        "balance": compose["balance"],
        "method": method,
    }


def where_of(recipe: dict[str, Any]) -> list[str]:
    """The conditions of the part that was saved."""
    return [f"{column}:{value}" for column, values in recipe["shown"].items() for value in values]


def _path(catalogue: str, result_set: str, what: str, where: Sequence[str], **query: str) -> str:
    asked = urlencode([*query.items(), *(("where", condition) for condition in where)])
    return f"/v1/catalogues/{catalogue}/results/{result_set}/{what}?{asked}"
