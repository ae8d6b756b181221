"""The bytes that came: only a whole image is stored, with the ending of what it is, not of what it is called."""

from __future__ import annotations

import hashlib
import io
from typing import NamedTuple

from clip_branches.errors import InvalidInput
from clip_branches.images import decode_image, inspect_image

_ENDINGS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif"}
_QUALITY = 95


class Picture(NamedTuple):
    """An image to store: its bytes, file ending and size; and size and sha256 of what was fetched.

    ``stored_sha256`` is that of ``content``.
    """

    content: bytes
    ending: str
    width: int
    height: int
    original_width: int
    original_height: int
    sha256: str
    stored_sha256: str


def read_picture(content: bytes, crop_bottom: int = 0) -> Picture:
    """``content`` as a picture, without its lowest ``crop_bottom`` rows of pixels.

    A cropped picture is written anew (JPEG at quality 95; PNG and WebP without loss); others are kept byte by byte.
    Raises UnsupportedImage for what is not a whole image, TooLarge for too many pixels, InvalidInput when the crop
    leaves nothing.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    kind, width, height, _ = inspect_image(content)
    if crop_bottom == 0:
        return Picture(content, _ENDINGS[kind], width, height, width, height, sha256, sha256)
    if height <= crop_bottom:
        raise InvalidInput(
            f"The image must be higher than the {crop_bottom} px that are cut off. Got {height} px instead."
        )
    cropped = decode_image(content).crop((0, 0, width, height - crop_bottom))
    buffer = io.BytesIO()
    if kind == "JPEG":
        cropped.save(buffer, "JPEG", quality=_QUALITY)
    elif kind == "WEBP":
        cropped.save(buffer, "WEBP", lossless=True)
    else:
        cropped.save(buffer, "PNG")
    ending = _ENDINGS[kind] if kind in ("JPEG", "WEBP") else "png"
    stored = buffer.getvalue()
    stored_sha256 = hashlib.sha256(stored).hexdigest()
    return Picture(stored, ending, width, height - crop_bottom, width, height, sha256, stored_sha256)
