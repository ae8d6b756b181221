"""Images in requests: base64 to pixels, with every limit checked before the work it limits."""

from __future__ import annotations

import base64
import binascii

from PIL import Image

from clip_branches.errors import InvalidInput, TooLarge, UnsupportedImage
from clip_branches.images import decode_image

MAX_IMAGE_BYTES = 20 * 1024 * 1024


def image_bytes(text: str) -> bytes:
    """The file in ``text``: base64, or a ``data:`` URL as a browser makes it.

    Raises TooLarge over 20 MiB (told from the length, before decoding) and InvalidInput for what is not base64.
    """
    if text.startswith("data:"):
        head, comma, text = text.partition(",")
        if not comma or not head.endswith(";base64"):
            raise InvalidInput("The 'image' must be base64, or a data URL that is.", field="image")
    text = "".join(text.split())
    if len(text) * 3 // 4 > MAX_IMAGE_BYTES + 2:
        raise TooLarge(
            f"The 'image' must have at most {MAX_IMAGE_BYTES:,} bytes. Got about {len(text) * 3 // 4:,} instead.",
            field="image",
        )
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(f"The 'image' must be base64 of an image file: {error}.", field="image") from error
    if not content:
        raise InvalidInput("The 'image' must be base64 of an image file. Got nothing instead.", field="image")
    return content


def pixels(content: bytes) -> Image.Image:
    """The image in ``content`` as RGB, upright; UnsupportedImage or TooLarge (over 50 megapixels) name the field."""
    try:
        return decode_image(content)
    except (UnsupportedImage, TooLarge) as error:
        error.field = "image"
        raise
