"""The client: one address, one catalogue by default."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from clip_branches.client.answer import Answer, checked
from clip_branches.client.saved import Saved, SavedList
from clip_branches.client.transport import Transport
from clip_branches.errors import InvalidInput, NotFound
from clip_branches.schemas import CataloguesResponse, Item, ItemsResponse, SearchRequest, SearchResponse

DEFAULT_URL = "http://localhost:8080"
_ITEMS_AT_ONCE = 200


class Client:
    """A platform at ``url``, the address of its page.

    ``catalogue`` is the one asked where a call names none; without it, the only one there is. ``api`` is the path of
    the calls: "/v1" where ``url`` is that of a search service alone (which has no ``items``). ``key`` is an API key,
    for a platform that asks for one; without it, that of the environment variable CLIP_BRANCHES_KEY. Safe to use from
    one thread at a time; a context manager that closes its connections.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        catalogue: str | None = None,
        timeout_s: float = 60.0,
        retries: int = 3,
        api: str = "/api",
        key: str | None = None,
    ) -> None:
        key = os.environ.get("CLIP_BRANCHES_KEY") if key is None else key
        self.transport = Transport(url.rstrip("/") + api, timeout_s=timeout_s, retries=retries, key=key)
        self._catalogue = catalogue

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.transport.close()

    def catalogues(self) -> CataloguesResponse:
        """What can be searched, and why other catalogues cannot."""
        return self.transport.get("/catalogues", CataloguesResponse)

    def search(
        self,
        text: str | None = None,
        *,
        image: bytes | str | Path | None = None,
        catalogue: str | None = None,
        **request: Any,
    ) -> Answer:
        """The answer to words, an example image (its bytes, or the path of its file), labels, or several of these.

        ``request`` holds any other field of SearchRequest: image_id, terms, without, positive, negative, model, seed,
        cut, boxes_off, limit (hits that come with the answer itself). Raises InvalidInput naming the field at fault.
        """
        return self.ask(make_request(text=text, image=image, **request), catalogue=catalogue)

    def compose(
        self,
        *texts: str | tuple[str, float],
        image: bytes | str | Path | None = None,
        image_id: int | None = None,
        images: Iterable[int | tuple[int, float]] = (),
        without: Iterable[str | tuple[str, float]] = (),
        weight: float = 1.0,
        balance: float = 0.5,
        method: str | None = None,
        catalogue: str | None = None,
        **request: Any,
    ) -> Answer:
        """The answer to an image and words that change it: ``compose("the boat is red", image_id=17)``.

        Texts, further ``images`` and what is to be less (``without``) may each be a pair with a weight; ``weight`` is
        that of ``image`` and ``image_id``. ``balance`` runs from 0, the look alone, to 1, the words alone.
        """
        asked = {
            "texts": [_weighed("text", one) for one in texts],
            "without": [_weighed("text", one) for one in without],
            "images": [_weighed("id", one) for one in images],
            "weight": weight,
            "balance": balance,
            "method": method,
        }
        return self.search(image=image, image_id=image_id, compose=asked, catalogue=catalogue, **request)

    def saved(self) -> list[Saved]:
        """The searches that are saved on the page, the latest first."""
        return self.transport.get("/saved", SavedList).searches

    def ask(self, request: SearchRequest, *, catalogue: str | None = None) -> Answer:
        """The answer to a request that is at hand, from ``make_request`` or an earlier answer."""
        name = self.catalogue(catalogue)
        found = self.transport.post(f"{path_of(name)}/search", SearchResponse, request)
        return Answer(self, request, found)

    def items(self, ids: list[int], *, catalogue: str | None = None) -> list[Item]:
        """Captions, sizes and metadata, in the order of ``ids``; an id that the catalogue does not hold is left out."""
        path, items = f"{path_of(self.catalogue(catalogue))}/items", []
        for start in range(0, len(ids), _ITEMS_AT_ONCE):
            part = ",".join(str(item) for item in ids[start : start + _ITEMS_AT_ONCE])
            items += self.transport.get(path, ItemsResponse, {"ids": part}).items
        return items

    def catalogue(self, name: str | None = None) -> str:
        """``name``, or the client's own, or the only one there is; NotFound naming those to choose from."""
        chosen = name or self._catalogue
        if chosen is None:
            known = self.catalogues()
            names = [one.name for one in known.catalogues]
            if len(names) != 1:
                why = "".join(f" {name} cannot be served: {reason}" for name, reason in known.unavailable.items())
                raise NotFound(
                    f"The 'catalogue' must be one of {', '.join(names) or '(there is none)'}.{why}", field="catalogue"
                )
            chosen = self._catalogue = names[0]
        return chosen


def _weighed(name: str, given: Any) -> Any:
    return {name: given[0], "weight": given[1]} if isinstance(given, tuple) else given


def make_request(*, image: bytes | str | Path | None = None, **fields: Any) -> SearchRequest:
    """The request of these fields; InvalidInput names the one at fault."""
    return checked(SearchRequest, {"image": None if image is None else _base64(image), **fields})


def path_of(catalogue: str) -> str:
    return f"/catalogues/{quote(catalogue, safe='')}"


def _base64(image: bytes | str | Path) -> str:
    if not isinstance(image, bytes):
        try:
            content = Path(image).read_bytes()
        except OSError as error:
            raise InvalidInput(
                f"The 'image' must be the bytes or the path of an image file. {image} cannot be read: "
                f"{error.strerror or error}.",
                field="image",
            ) from error
    else:
        content = image
    return base64.b64encode(content).decode("ascii")
