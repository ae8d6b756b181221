"""Small pictures of images, as data addresses that stand in the page itself."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from PIL import Image

from clip_branches.catalogue import is_url
from clip_branches.catalogue.packed import read_source
from clip_branches.errors import InvalidInput
from clip_branches.images import decode_image

HEIGHT = 144
_WIDEST = 3 * HEIGHT
_QUALITY = 72
_LONGEST_NAME = 60


@dataclass(frozen=True)
class Picture:
    """``data`` is the address of a WebP file ``width`` by ``height``, or "" where the image cannot be shown."""

    name: str
    detail: str
    data: str = ""
    width: int = HEIGHT
    height: int = HEIGHT


def picture_of(root: Path, source: str, detail: str) -> Picture:
    """A small picture of the image ``source`` below ``root``; without data for what cannot be read or decoded."""
    name = _short(source)
    try:
        image = decode_image(read_source(root, source))
    except (InvalidInput, OSError):
        return Picture(name, detail)
    scale = min(HEIGHT / image.height, _WIDEST / image.width)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    # Twice the size where there are the pixels, for sharp screens; a small one is not blown up.
    inner = min(2.0, max(1 / scale, 1.0)) if scale < 1 else 1 / scale
    pixels = (max(1, round(size[0] * inner)), max(1, round(size[1] * inner)))
    buffer = io.BytesIO()
    image.resize(pixels, Image.Resampling.LANCZOS).save(buffer, "WEBP", quality=_QUALITY, method=4)
    data = f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return Picture(name, detail, data, *size)


def _short(source: str) -> str:
    name = source if is_url(source) else PurePosixPath(source).name
    return name if len(name) <= _LONGEST_NAME else f"...{name[-_LONGEST_NAME:]}"
