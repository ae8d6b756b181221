"""Images of requests by their address: fetched with care where that is switched on, else refused."""

from __future__ import annotations

import base64
from typing import TypeVar

from clip_branches.errors import InvalidInput
from clip_branches.schemas import SearchRequest
from search_service.fetching import Fetcher

Asked = TypeVar("Asked", bound=SearchRequest)


class ImageAddresses:
    """Takes addresses for the images they lead to; ``fetcher`` is None where that is switched off."""

    def __init__(self, fetcher: Fetcher | None) -> None:
        self.fetcher = fetcher

    def base64_of(self, url: str, field: str) -> str:
        """Base64 of the image at ``url``; InvalidInput, naming ``field``, where it cannot or must not be fetched."""
        if self.fetcher is None:
            raise InvalidInput(
                "Images by their address are switched off here (setting 'image_urls' of the search service). "
                "Send the image itself, as base64.",
                field=field,
            )
        try:
            return base64.b64encode(self.fetcher.fetch(url)).decode("ascii")
        except InvalidInput as error:
            error.field = field
            raise

    def filled(self, body: Asked) -> Asked:
        """``body`` with the image itself in place of its address; InvalidInput where it has both."""
        if body.image_url is None:
            return body
        if body.image is not None:
            raise InvalidInput(
                "The example image must be given once: as 'image' or as 'image_url'. Got both.", field="image_url"
            )
        image = self.base64_of(body.image_url, "image_url")
        return body.model_copy(update={"image": image, "image_url": None})
