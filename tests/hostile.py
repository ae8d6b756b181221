"""A catalogue whose every text wants to be something else: markup, a template, a formula, a header, a path."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from clip_branches.catalogue import Catalogue, CatalogueWriter
from clip_branches.engine import BoxIndex, index_order

MARKUP = "\"'><img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
TEXTS = (
    MARKUP,
    "{{ 7 * 191 }}${7*191}",
    '=HYPERLINK("http://evil.example")',
    "a\r\nSet-Cookie: taken=1",
    "../../etc/passwd",
)
COLUMN = "=<b>kind</b>"
WITH_ARCHIVE, WITH_MARKUP, OUTSIDE, LINKED = "zip.png", "markup.gif", "../secret.png", "link.png"


def polyglot_zip() -> bytes:
    """A PNG that is a zip with a page in it as well."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.html", MARKUP)
    return _picture("PNG") + archive.getvalue()


def polyglot_markup() -> bytes:
    """A GIF that has a page behind it."""
    return _picture("GIF") + f"<html>{MARKUP}</html>".encode()


def build_hostile(data_dir: Path, encoder_of: Path, *, name: str = "hostile", count: int = 60) -> list[int]:
    """The catalogue, with the encoder of that in the folder ``encoder_of``; the ids of its images.

    The first is the GIF with a page, the second the PNG with a zip, the third a link that leads out of the image root.
    """
    source = data_dir / "sources" / name
    source.mkdir(parents=True, exist_ok=True)
    (source / WITH_MARKUP).write_bytes(polyglot_markup())
    (source / WITH_ARCHIVE).write_bytes(polyglot_zip())
    secret = data_dir / "sources" / "secret.png"
    secret.write_bytes(_picture("PNG"))
    if not (source / LINKED).is_symlink():
        (source / LINKED).symlink_to(secret)
    sources = [WITH_MARKUP, WITH_ARCHIVE, LINKED] + [WITH_MARKUP] * (count - 3)
    codes = np.random.default_rng(0).integers(0, 256, (count, 32), dtype=np.uint8)
    codes = codes[index_order(codes)]
    encoder = Catalogue.open(encoder_of).encoder
    folder = data_dir / "catalogues" / name
    with CatalogueWriter(
        folder, name=name, title=MARKUP, image_root=source, encoder=encoder, examples=[MARKUP]
    ) as writer:
        ids = writer.new_ids(count)
        texts = [TEXTS[number % len(TEXTS)] for number in range(count)]
        table = pa.table(
            {
                "id": ids,
                "source": sources,
                "caption": texts,
                "width": np.full(count, 400),
                "height": np.full(count, 300),
                "sha256": [hashlib.sha256((source / one).read_bytes()).hexdigest() for one in sources],
                COLUMN: texts,
            }
        )
        writer.add_segment(table, None, BoxIndex.build(codes, presorted=True).save)
        writer.commit()
    return [int(item) for item in ids]


def _picture(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (400, 300), (30, 90, 160)).save(buffer, kind)
    return buffer.getvalue()
