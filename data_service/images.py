"""Images over HTTP: the right bytes, never of a file outside the image root, cacheable for ever."""

from __future__ import annotations

import hashlib
import io
from typing import Any

from flask import Request, Response
from PIL import Image, UnidentifiedImageError

from clip_branches.catalogue import Catalogue, is_url
from clip_branches.errors import DamagedFile, InvalidInput, NotFound, UnsupportedImage
from clip_branches.images import FORMATS, decode_image
from data_service.thumbnails import MIMETYPE, Thumbnails, bucket

# An id's image never changes within a generation, and the ETag tells another one from it.
_CACHE_CONTROL = "public, max-age=31536000, immutable"


class Images:
    """Answers with an item's original file or with a thumbnail of it."""

    def __init__(self, thumbnails: Thumbnails) -> None:
        self._thumbnails = thumbnails

    def respond(
        self, request: Request, name: str, catalogue: Catalogue, item: dict[str, Any], width: int | None
    ) -> Response:
        """The image as a response; 304 when the caller has it.

        Raises NotFound for an item that is an address elsewhere or whose file is gone, and DamagedFile for a file that
        is not the one the catalogue was built from.
        """
        if is_url(item["source"]):
            raise NotFound(
                f"The image {item['id']} is at another site and is not passed on from here: {item['source']}",
                field="id",
            )
        # A thumbnail is never larger than the image: then the image itself is the answer.
        size = None if width is None else bucket(width)
        if size is not None and size >= item["width"]:
            size = None
        tag = item["sha256"] if size is None else f"{item['sha256']}-{size}"
        response = Response()
        response.set_etag(tag)
        response.headers["Cache-Control"] = _CACHE_CONTROL
        if not request.if_none_match.contains(tag):
            content, mimetype = self._content(name, catalogue, item, size)
            response.set_data(content)
            response.mimetype = mimetype
        # Sets 304 where the caller has the image, and leaves the body out for HEAD.
        response.make_conditional(request)
        return response

    def _content(self, name: str, catalogue: Catalogue, item: dict[str, Any], size: int | None) -> tuple[bytes, str]:
        if size is None:
            content = _read(catalogue, item)
            return content, _mimetype(content, item)
        kept = self._thumbnails.load(name, item["sha256"], size)
        if kept is not None:
            return kept, MIMETYPE
        try:
            picture = decode_image(_read(catalogue, item))
        except InvalidInput as error:
            raise DamagedFile(f"The image {item['id']} cannot be decoded. {error.message}", field="id") from error
        return self._thumbnails.make(name, item["sha256"], size, picture), MIMETYPE


def _read(catalogue: Catalogue, item: dict[str, Any]) -> bytes:
    """The file's bytes, checked against the catalogue: never those of a file that took its place."""
    try:
        content = catalogue.image_bytes(item["source"])
    except InvalidInput as error:
        raise NotFound(f"The image {item['id']} has no file below the image root.", field="id") from error
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise NotFound(
            f"The file of the image {item['id']}, {item['source']}, is not where the catalogue was built from. "
            "Put it back, or build the catalogue again.",
            field="id",
        ) from error
    except OSError as error:
        raise DamagedFile(
            f"The file of the image {item['id']}, {item['source']}, cannot be read: {error.strerror or error}.",
            field="id",
        ) from error
    if hashlib.sha256(content).hexdigest() != item["sha256"]:
        raise DamagedFile(
            f"The file of the image {item['id']}, {item['source']}, was changed since the catalogue was built. "
            "Build the catalogue again.",
            field="id",
        )
    return content


def _mimetype(content: bytes, item: dict[str, Any]) -> str:
    """The kind of image told from the bytes, not from a name that anybody can give."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            kind = Image.MIME.get(image.format or "", "application/octet-stream")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnsupportedImage(f"The file of the image {item['id']} is not an image that can be shown.") from error
    return "image/jpeg" if kind == "image/mpo" else kind
