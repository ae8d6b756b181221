"""Thumbnails: made once, kept on disk, at a few widths only."""

from __future__ import annotations

import io
import logging
import shutil
from pathlib import Path

from PIL import Image

from clip_branches.files import write_whole

_log = logging.getLogger(__name__)

# A short list: a caller who asks for every width in turn cannot fill the disk.
WIDTHS = (80, 160, 320, 480, 640, 960, 1_280)
MIMETYPE = "image/webp"
_WEBP_LIMIT = 16_383


def bucket(width: int) -> int:
    """The least width of ``WIDTHS`` that is at least ``width``, or the largest."""
    return next((allowed for allowed in WIDTHS if allowed >= width), WIDTHS[-1])


class Thumbnails:
    """``folder/<catalogue>/g<generation>/<2 digits>/<sha256>-<width>.webp``, each renamed into place whole."""

    def __init__(self, folder: Path, quality: int) -> None:
        self._folder = folder
        self._quality = quality

    def load(self, catalogue: str, generation: int, sha256: str, width: int) -> bytes | None:
        """The WebP file kept, or None."""
        try:
            return self._path(catalogue, generation, sha256, width).read_bytes()
        except OSError:
            return None

    def make(self, catalogue: str, generation: int, sha256: str, width: int, picture: Image.Image) -> bytes:
        """A WebP file of ``picture`` (RGB, upright) at most ``width`` wide, kept where the disk allows."""
        # Narrow and very long pictures: WebP ends at 16,383 pixels a side.
        height = min(_WEBP_LIMIT, max(1, round(picture.height * width / picture.width)))
        if width < picture.width:
            picture = picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", quality=self._quality, method=4)
        content = buffer.getvalue()
        path = self._path(catalogue, generation, sha256, width)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, content)
        except OSError as error:
            _log.warning("a thumbnail cannot be kept", extra={"path": str(path), "reason": str(error)})
        return content

    def forget_others(self, catalogue: str, generation: int) -> None:
        """Remove the thumbnails of every other generation of the catalogue."""
        kept = f"g{generation}"
        folder = self._folder / catalogue
        if not folder.is_dir():
            return
        for entry in folder.iterdir():
            if entry.name != kept:
                shutil.rmtree(entry, ignore_errors=True)

    def _path(self, catalogue: str, generation: int, sha256: str, width: int) -> Path:
        return self._folder / catalogue / f"g{generation}" / sha256[:2] / f"{sha256}-{width}.webp"
