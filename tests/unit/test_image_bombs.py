"""Uploads that want to take all memory or time, or to be two things at once: refused or read as the image they are."""

from __future__ import annotations

import functools
import gzip
import io
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable

import pytest
from PIL import Image, PngImagePlugin

from clip_branches.errors import InvalidInput, TooLarge, UnsupportedImage
from clip_branches.images import FORMATS, decode_image, inspect_image

HTML = b"<html><script>alert(1)</script></html>"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def picture(kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 24), (200, 30, 30)).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, *further: bytes, data: bytes = b"") -> bytes:
    """A PNG of one grey bit a pixel that claims a size."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(further) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def gif(width: int, height: int, frame: tuple[int, int]) -> bytes:
    """A GIF whose screen and first frame claim their sizes."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF0, 0, 0) + bytes(6)
    return head + b"," + struct.pack("<HHHHB", 0, 0, *frame, 0) + b"\x02\x02\x4c\x01\x00;"


def webp(width: int, height: int) -> bytes:
    """An extended WebP whose canvas claims a size."""
    sizes = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + sizes
    return b"RIFF" + struct.pack("<I", len(body)) + body


@functools.cache
def zeros() -> bytes:
    """64 MiB of zeros, compressed to 64 KiB."""
    return zlib.compress(bytes(64 << 20))


BOMBS: dict[str, Callable[[], bytes]] = {
    "png 60,000 squared": lambda: png(60_000, 60_000),
    "png 2**31 wide": lambda: png(2**31 - 1, 1_000_000),
    "gif 65,535 squared": lambda: gif(65_535, 65_535, (1, 1)),
    "gif with a frame larger than its screen": lambda: gif(1, 1, (65_535, 65_535)),
    "webp 16,383 squared": lambda: webp(16_383, 16_383),
    "png, 64 MiB in a compressed text": lambda: png(8, 8, chunk(b"zTXt", b"a\0\0" + zeros())),
    "png, 64 MiB in an international text": lambda: png(8, 8, chunk(b"iTXt", b"a\0\1\0\0\0" + zeros())),
    "png, 64 MiB in a colour profile": lambda: png(8, 8, chunk(b"iCCP", b"a\0\0" + zeros())),
    "png, 64 MiB of pixels behind 64": lambda: png(8, 8, data=bytes(64 << 20)),
}


@pytest.mark.parametrize("name", list(BOMBS))
def test_a_bomb_takes_neither_memory_nor_time(name: str) -> None:
    """Refused, or read as the small picture that it is; what it would unpack to is never unpacked."""
    content = BOMBS[name]()
    tracemalloc.start()
    begun = time.process_time()
    try:
        for read in (decode_image, inspect_image):
            try:
                read(content)
            except InvalidInput as error:
                assert error.message  # noqa: PT017
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
        assert time.process_time() - begun < 5
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("content", [png(60_000, 60_000), gif(65_535, 65_535, (1, 1)), webp(16_383, 16_383)])
def test_a_size_over_the_limit_is_told_before_anything_is_decoded(content: bytes) -> None:
    with pytest.raises(TooLarge, match="megapixels"):
        decode_image(content)


def test_of_very_many_frames_only_the_first_is_decoded() -> None:
    frames = [Image.new("P", (200, 200), number % 256) for number in range(300)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], optimize=False)
    many, one = buffer.getvalue(), picture("GIF")
    decode_image(one)
    begun = time.process_time()
    assert decode_image(many).size == (200, 200)
    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize("count", [0xFFFF, 20_000])
def test_a_deep_or_endless_exif_is_passed_over(count: int) -> None:
    """A directory that names itself as the next one, and one of more entries than there are bytes."""
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", count) + struct.pack("<HHII", 0x8769, 4, 1, 8) * 50
    begun = time.process_time()
    for kind in ("JPEG", "PNG", "WEBP"):
        assert decode_image(picture(kind, exif=exif)).size == (32, 24)
    assert time.process_time() - begun < 2


def test_texts_and_profiles_of_an_upload_say_nothing() -> None:
    told = PngImagePlugin.PngInfo()
    told.add_itxt("XML:com.adobe.xmp", HTML.decode())
    assert decode_image(picture("PNG", pnginfo=told, icc_profile=HTML)).size == (32, 24)


@pytest.mark.parametrize("content", [SVG, SVG[21:], b"\n\n" + SVG, gzip.compress(SVG), b"\xef\xbb\xbf" + SVG])
def test_svg_is_refused(content: bytes) -> None:
    with pytest.raises(UnsupportedImage, match="JPEG, PNG, WebP or GIF"):
        decode_image(content)


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "ICO", "PPM", "TGA", "PCX", "EPS", "PDF", "JPEG2000", "DDS", "ICNS"])
def test_kinds_that_nobody_needs_are_not_even_tried(kind: str) -> None:
    """Each decoder that is reachable is one that may have a fault."""
    assert kind not in FORMATS
    with pytest.raises(UnsupportedImage):
        decode_image(picture(kind))


def polyglots() -> dict[str, bytes]:
    """Images that are something else as well, to who reads them so."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.html", HTML)
    gif_script = b"GIF89a/*" + picture("GIF")[8:] + b"*/=1;alert(1)"
    return {
        "png and html behind it": picture() + HTML,
        "png and zip behind it": picture() + archive.getvalue(),
        "jpeg with html in a comment": picture("JPEG", comment=HTML),
        "gif and script": gif_script,
        "webp and html behind it": picture("WEBP") + HTML,
    }


@pytest.mark.parametrize("name", list(polyglots()))
def test_what_an_image_is_besides_does_not_outlive_its_decoding(name: str) -> None:
    content = polyglots()[name]
    try:
        decoded = decode_image(content)
    except InvalidInput:
        return
    buffer = io.BytesIO()
    decoded.save(buffer, "WEBP")
    assert b"script" not in buffer.getvalue()
    assert b"alert" not in buffer.getvalue()
    assert not zipfile.is_zipfile(buffer)


@pytest.mark.parametrize("content", [HTML + picture(), b"PK\x03\x04" + picture(), b"#!/bin/sh\n" + picture()])
def test_an_image_must_begin_as_one(content: bytes) -> None:
    with pytest.raises(UnsupportedImage):
        decode_image(content)
