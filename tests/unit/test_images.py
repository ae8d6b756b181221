"""Every kind of image comes in as upright RGB; what is no image, or too large, is refused."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from clip_branches.errors import TooLarge, UnsupportedImage
from clip_branches.images import decode_image

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def two_halves(mode: str = "RGB") -> Image.Image:
    """40 x 20: left half red, right half blue."""
    image = Image.new("RGB", (40, 20), RED)
    image.paste(BLUE, (20, 0, 40, 20))
    return image.convert(mode)


def near(pixel: Any, expected: tuple[int, int, int], tolerance: int = 12) -> bool:
    return bool(np.abs(np.subtract(pixel, expected)).max() <= tolerance)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_the_four_formats(kind: str) -> None:
    image = decode_image(encoded(two_halves(), kind))
    assert (image.mode, image.size) == ("RGB", (40, 20))
    assert near(image.getpixel((5, 10)), RED, 20)
    assert near(image.getpixel((35, 10)), BLUE, 20)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation_is_honoured(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode_image(encoded(two_halves(), kind, exif=exif))
    # Where the red half ends up, from the EXIF standard.
    red_at = {1: (5, 10), 2: (35, 10), 3: (35, 10), 4: (5, 10), 5: (10, 5), 6: (10, 5), 7: (10, 35), 8: (10, 35)}
    assert image.size == ((40, 20) if orientation <= 4 else (20, 40))
    assert near(image.getpixel(red_at[orientation]), RED, 20)


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (16, 16), color) for color in (RED, BLUE)]
    for kind in ("GIF", "WEBP"):
        image = decode_image(encoded(frames[0], kind, save_all=True, append_images=frames[1:]))
        assert near(image.getpixel((8, 8)), RED, 20)


def test_transparency_is_laid_on_white() -> None:
    clear = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    half = Image.new("RGBA", (16, 16), (255, 0, 0, 128))
    grey = Image.new("LA", (16, 16), (0, 0))
    for image in (clear, grey):
        assert decode_image(encoded(image, "PNG")).getpixel((8, 8)) == WHITE
    assert near(decode_image(encoded(half, "PNG")).getpixel((8, 8)), (255, 127, 127))
    palette = two_halves("P")
    transparent = palette.getpixel((35, 10))
    for kind in ("PNG", "GIF"):
        image = decode_image(encoded(palette, kind, transparency=transparent))
        assert near(image.getpixel((5, 10)), RED)
        assert near(image.getpixel((35, 10)), WHITE)
    keyed = decode_image(encoded(two_halves(), "PNG", transparency=BLUE))
    assert near(keyed.getpixel((35, 10)), WHITE)


def test_cmyk_and_grey_and_one_bit() -> None:
    image = decode_image(encoded(two_halves("CMYK"), "JPEG", quality=95))
    assert near(image.getpixel((5, 10)), RED, 20)
    assert near(image.getpixel((35, 10)), BLUE, 20)
    assert decode_image(encoded(Image.new("L", (8, 8), 77), "PNG")).getpixel((1, 1)) == (77, 77, 77)
    assert decode_image(encoded(Image.new("1", (8, 8), 1), "PNG")).getpixel((1, 1)) == WHITE


def test_16_bit_grey_is_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65_535, 256).astype(np.uint16).reshape(16, 16)
    image = decode_image(encoded(Image.fromarray(ramp), "PNG"))
    values = np.asarray(image)[:, :, 0].ravel()
    assert values.tolist() == list(range(256))


def test_too_many_pixels_are_refused_before_they_are_decoded() -> None:
    bomb = encoded(Image.new("1", (8_000, 6_300)), "PNG")
    assert len(bomb) < 100_000
    with pytest.raises(TooLarge, match=r"at most 50 megapixels. Got 8000 x 6300 = 50\.4"):
        decode_image(bomb)
    assert decode_image(encoded(Image.new("1", (100, 100)), "PNG"), max_pixels=10_000).size == (100, 100)
    with pytest.raises(TooLarge):
        decode_image(encoded(Image.new("1", (101, 100)), "PNG"), max_pixels=10_000)
    giant = encoded(Image.new("1", (30_000, 20_000)), "PNG")
    with pytest.raises(TooLarge):
        decode_image(giant)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_half_a_file_is_refused(kind: str) -> None:
    generator = np.random.default_rng(0)
    content = encoded(Image.fromarray(generator.integers(0, 256, (64, 64, 3), dtype=np.uint8)), kind)
    with pytest.raises(UnsupportedImage):
        decode_image(content[: len(content) // 2])


@pytest.mark.parametrize("content", [b"", b"not an image", b"<svg xmlns='x'/>", b"\x89PNG\r\n"])
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(UnsupportedImage, match="JPEG, PNG, WebP or GIF"):
        decode_image(content)


def test_other_image_formats_are_refused() -> None:
    for kind in ("BMP", "TIFF", "PPM"):
        with pytest.raises(UnsupportedImage):
            decode_image(encoded(two_halves(), kind))


@given(data=st.data(), kind=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF"]))
@settings(max_examples=120, deadline=None)
def test_damaged_bytes_never_raise_anything_else(data: st.DataObject, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = bytearray(encoded(two_halves(), kind, exif=exif) if kind != "GIF" else encoded(two_halves(), kind))
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=6)):
        content[position] = data.draw(st.integers(0, 255))
    try:
        image = decode_image(bytes(content), max_pixels=1_000_000)
    except (UnsupportedImage, TooLarge):
        return
    assert image.mode == "RGB"


def test_a_real_phone_picture_with_a_second_picture_inside(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    two_halves().save(path, "MPO", save_all=True, append_images=[Image.new("RGB", (40, 20), WHITE)])
    assert near(decode_image(path.read_bytes()).getpixel((5, 10)), RED, 20)
