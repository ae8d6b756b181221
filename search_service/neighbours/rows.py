"""What clip-retrieval's answers say of an image."""

from __future__ import annotations

import base64
import hashlib
import io
from typing import Any

from clip_branches.cancelling import checkpoint
from clip_branches.catalogue import Catalogue, is_url
from clip_branches.errors import ClipBranchesError
from clip_branches.images import decode_image

_SIDE = 384


def row_of(catalogue: Catalogue, item: dict[str, Any]) -> dict[str, Any]:
    """caption, width, height and the catalogue's own columns, and how to show the image.

    An image that is an address elsewhere has its ``url``. Any other has its ``image_path`` and, where its file is the
    one that the catalogue was built from, ``image``: base64 of a JPEG of at most 384 pixels a side. It has no key
    ``url`` of ours then, as the neighbour's page shows the url where there is one.
    """
    checkpoint()
    row = {**item["metadata"], "caption": item["caption"], "width": item["width"], "height": item["height"]}
    if is_url(item["source"]):
        return {**row, "url": item["source"]}
    row["image_path"] = item["source"]
    thumbnail = _thumbnail(catalogue, item)
    return row if thumbnail is None else {**row, "image": thumbnail}


def _thumbnail(catalogue: Catalogue, item: dict[str, Any]) -> str | None:
    try:
        content = catalogue.image_bytes(item["source"])
        if hashlib.sha256(content).hexdigest() != item["sha256"]:
            return None
        picture = decode_image(content)
    except (ClipBranchesError, OSError):
        return None
    picture.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
