"""Thumbnails: made once, kept on disk, at a few widths only."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from clip_branches.catalogue import Catalogue
from clip_branches.disk_budget import DiskBudget
from clip_branches.files import write_whole

_log = logging.getLogger(__name__)

# A short list: a caller who asks for every width in turn cannot fill the disk.
WIDTHS = (80, 160, 320, 480, 640, 960, 1_280)
_GROUP = re.compile("[0-9a-f]{2}")
MIMETYPE = "image/webp"
_WEBP_LIMIT = 16_383


def bucket(width: int) -> int:
    """The least width of ``WIDTHS`` that is at least ``width``, or the largest."""
    return next((allowed for allowed in WIDTHS if allowed >= width), WIDTHS[-1])


class Thumbnails:
    """``folder/<catalogue>/<2 digits>/<sha256>-<width>.webp``, each renamed into place whole.

    Named by the image's bytes, so that a catalogue that grows keeps those of the images that it has already.
    """

    def __init__(self, folder: Path, quality: int, max_bytes: int) -> None:
        self._folder = folder
        self._quality = quality
        self.budget = DiskBudget(folder, "*/*/*.webp", max_bytes)

    def load(self, catalogue: str, sha256: str, width: int) -> bytes | None:
        """The WebP file kept, or None."""
        path = self._path(catalogue, sha256, width)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        self.budget.read(path)
        return content

    def make(self, catalogue: str, sha256: str, width: int, picture: Image.Image) -> bytes:
        """A WebP file of ``picture`` (RGB, upright) at most ``width`` wide, kept where the disk allows."""
        # Narrow and very long pictures: WebP ends at 16,383 pixels a side.
        height = min(_WEBP_LIMIT, max(1, round(picture.height * width / picture.width)))
        if width < picture.width:
            picture = picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", quality=self._quality, method=4)
        content = buffer.getvalue()
        path = self._path(catalogue, sha256, width)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, content)
            self.budget.wrote(len(content))
        except OSError as error:
            _log.warning("a thumbnail cannot be kept", extra={"path": str(path), "reason": str(error)})
        return content

    def forget_others(self, name: str, catalogue: Catalogue) -> None:
        """Remove the thumbnails of images that the ``catalogue`` of that ``name`` does not hold (any more)."""
        folder = self._folder / name
        if not folder.is_dir():
            return
        # An earlier version kept them by generation.
        for old in [entry for entry in folder.iterdir() if not _GROUP.fullmatch(entry.name)]:
            shutil.rmtree(old, ignore_errors=True)
        kept = list(folder.glob("*/*.webp"))
        images = pa.array([path.name.partition("-")[0] for path in kept], pa.string())
        held = np.zeros(len(kept), np.bool_)
        for segment in catalogue.segments:
            live = np.isin(segment.ids, catalogue.deleted, invert=True)
            digests = segment.table(["sha256"]).column(0).filter(pa.array(live)).combine_chunks()
            held |= pc.is_in(images, value_set=digests).to_numpy(zero_copy_only=False)
        for path, wanted in zip(kept, held.tolist(), strict=True):
            if not wanted:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _path(self, catalogue: str, sha256: str, width: int) -> Path:
        return self._folder / catalogue / sha256[:2] / f"{sha256}-{width}.webp"
