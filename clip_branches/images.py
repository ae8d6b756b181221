"""Image bytes to upright RGB pixels: the one way in for offline stages, uploads and thumbnails alike."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from clip_branches.errors import TooLarge, UnsupportedImage

FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
MAX_PIXELS = 50_000_000
_SMALL = 64
_NAMED = "JPEG, PNG, WebP or GIF"

# What Pillow's decoders raise on damaged bytes, beside OSError.
_DECODE_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
    MemoryError,
)


def decode_image(content: bytes, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The picture in ``content`` as mode RGB, upright.

    The first frame of an animation is taken, EXIF orientation is applied, transparency is laid on white, palette, grey,
    CMYK and 16-bit pictures are converted. Raises UnsupportedImage for bytes that are not a whole JPEG, PNG, WebP or
    GIF and TooLarge, before any pixel is decoded, for one over ``max_pixels``.
    """
    with _opened(content, max_pixels) as image:
        image.load()
        return to_rgb(_upright(image))


class Inspected(NamedTuple):
    """A whole image: its ``format`` as Pillow calls it, upright size in pixels, and a ``small`` RGB copy, upright."""

    format: str
    width: int
    height: int
    small: Image.Image


def inspect_image(content: bytes, *, max_pixels: int = MAX_PIXELS) -> Inspected:
    """What ``decode_image`` would find in ``content``, and the same errors, at a fraction of the work for a JPEG.

    Every byte is decoded; a JPEG's pixels only at a scale that leaves ``small`` at least 64 px wide and high (or all).
    """
    with _opened(content, max_pixels) as image:
        width, height, kind = image.width, image.height, str(image.format)
        if kind == "JPEG":
            image.draft(None, (max(_SMALL, width // 8), max(_SMALL, height // 8)))
        image.load()
        upright = _upright(image)
        if upright is not image and _is_turned(image):
            width, height = height, width
        return Inspected(kind, width, height, to_rgb(upright))


@contextmanager
def _opened(content: bytes, max_pixels: int) -> Iterator[Image.Image]:
    """``content`` opened by Pillow; what goes wrong in the block becomes one of the project's errors."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise TooLarge(
                    f"The image must have at most {max_pixels / 1e6:g} megapixels. "
                    f"Got {width} x {height} = {width * height / 1e6:.1f} instead."
                )
            yield image
    except Image.DecompressionBombError as error:
        raise TooLarge(f"The image must have at most {max_pixels / 1e6:g} megapixels. {error}") from error
    except UnidentifiedImageError as error:
        raise UnsupportedImage(f"The image must be {_NAMED}. Got bytes of another kind instead.") from error
    except TooLarge:
        raise
    except _DECODE_ERRORS as error:
        raise UnsupportedImage(f"The image must be a whole {_NAMED}. It cannot be decoded: {error}.") from error


def to_rgb(image: Image.Image) -> Image.Image:
    """``image`` in mode RGB: transparency on white, 16-bit grey scaled to 8."""
    if image.mode.startswith(("I", "F")):
        image = _to_8_bit(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except _DECODE_ERRORS:
        return image  # broken EXIF says nothing about the pixels


def _is_turned(image: Image.Image) -> bool:
    """True when the EXIF orientation swaps width and height."""
    return image.getexif().get(0x0112) in (5, 6, 7, 8)


def _to_8_bit(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    if values.max(initial=0) > 255:
        values = values / 257  # 16 bits to 8: 65,535 becomes 255
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
