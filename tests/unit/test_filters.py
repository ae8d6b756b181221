"""The filters: one reason an image, the first that holds; groups of images that look alike; captions; cut-off files."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from clip_branches.errors import InvalidInput
from clip_branches.images import decode_image, inspect_image
from preprocessing.checking import Check
from preprocessing.filters.caption_rules import CaptionRules
from preprocessing.filters.near import find_leaders, perceptual_hash
from preprocessing.filters.options import FilterSection
from preprocessing.filters.select import Selection, select
from preprocessing.truncation import is_cut_short


def picture(seed: int, size: tuple[int, int] = (200, 160)) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 7, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def encode(image: Image.Image, kind: str, **how: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


def check(name: str, width: int = 100, height: int = 100, sha256: str | None = None, phash: str = "") -> Check:
    return Check(name, 1, 1, sha256 or name * 8, width, height, "", "", phash)


def reasons(selection: Selection) -> dict[str, str]:
    return {note.source: note.reason for note in selection.dropped}


def test_size_and_shape_are_switches() -> None:
    checks = [check("flat", 400, 40), check("tiny", 31, 500), check("large", 2_000, 1_000), check("fine")]
    nothing = [None] * 4
    assert reasons(select(checks, nothing, FilterSection())) == {"tiny": "too small"}
    strict = FilterSection(min_size=50, max_aspect=3, max_megapixels=1)
    assert reasons(select(checks, nothing, strict)) == {
        "flat": "too small",
        "tiny": "too small",
        "large": "too many pixels",
    }
    assert reasons(select(checks, nothing, FilterSection(min_size=1, max_aspect=3))) == {
        "flat": "aspect",
        "tiny": "aspect",
    }
    assert select(checks, nothing, FilterSection(min_size=1)).kept == [0, 1, 2, 3]


def test_exact_copies_are_dropped_and_may_be_listed() -> None:
    checks = [check("a", sha256="1" * 64), check("b"), check("c", sha256="1" * 64), check("d", sha256="1" * 64)]
    assert reasons(select(checks, [None] * 4, FilterSection())) == {"c": "duplicate", "d": "duplicate"}
    listed = select(checks, [None] * 4, FilterSection(duplicates="list"))
    assert listed.kept == [0, 1]
    assert listed.columns["copies"].to_pylist() == ["c\nd", None]


def test_an_image_dropped_for_its_caption_does_not_take_its_copy_along() -> None:
    checks = [check("a", sha256="1" * 64), check("b", sha256="1" * 64)]
    selection = select(checks, [None, "a cat"], FilterSection(require_caption=True))
    assert (selection.kept, selection.captions) == ([1], ["a cat"])
    assert reasons(selection) == {"a": "no caption"}


def test_images_that_look_alike_are_grouped_or_dropped_but_the_largest() -> None:
    hashes = {name: perceptual_hash(picture(seed)) for seed, name in enumerate(("one", "two"))}
    checks = [
        check("small", 100, 100, phash=hashes["one"]),
        check("other", 100, 100, phash=hashes["two"]),
        check("large", 300, 300, phash=hashes["one"]),
    ]
    grouped = select(checks, [None] * 3, FilterSection(near_duplicates="group"))
    assert grouped.kept == [0, 1, 2]
    group = checks[2].sha256[:12]
    assert grouped.columns["alike"].to_pylist() == [group, None, group]
    dropped = select(checks, ["x", "y", "z"], FilterSection(near_duplicates="drop"))
    assert (dropped.kept, dropped.captions) == ([1, 2], ["y", "z"])
    assert [tuple(note) for note in dropped.dropped] == [("small", "near duplicate", "it looks like large")]


def test_a_picture_saved_again_resized_or_brightened_looks_alike() -> None:
    for seed in range(10):
        image = picture(seed)
        again = [
            decode_image(encode(image, "JPEG", quality=40)),
            image.resize((90, 72)),
            image.point(lambda value: min(255, value + 12)),
            inspect_image(encode(image.resize((800, 640)), "JPEG")).small,
        ]
        hashes = [perceptual_hash(one) for one in (image, *again)]
        assert find_leaders(hashes, 6).tolist() == [0] * 5
    different = [perceptual_hash(picture(seed)) for seed in range(60)]
    assert find_leaders(different, 6).tolist() == list(range(60))


def slow_leaders(hashes: list[str], distance: int) -> list[int]:
    leaders: list[int] = []
    chosen: list[int] = []
    for position, text in enumerate(hashes):
        if text in hashes[:position]:  # the same hash is in one group, whatever leaders came between
            chosen.append(chosen[hashes.index(text)])
            continue
        bits = [bin(int(text, 16) ^ int(hashes[leader], 16)).count("1") for leader in leaders]
        if bits and min(bits) <= distance:
            chosen.append(leaders[bits.index(min(bits))])
        else:
            leaders.append(position)
            chosen.append(position)
    return chosen


@settings(max_examples=30, deadline=None)
@example(seed=0, count=53, distance=2)
@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(0, 16))
def test_leaders_are_those_of_the_slow_way(seed: int, count: int, distance: int) -> None:
    generator = np.random.default_rng(seed)
    centres = generator.integers(0, 2**63, 4, dtype=np.uint64)
    flips = np.array(
        [
            sum(1 << int(bit) for bit in generator.choice(64, generator.integers(0, 9), replace=False))
            for _ in range(count)
        ],
        dtype=np.uint64,
    )
    hashes = [f"{int(value):016x}" for value in centres[generator.integers(0, 4, count)] ^ flips]
    assert find_leaders(hashes, distance).tolist() == slow_leaders(hashes, distance)


def test_no_hash_no_group() -> None:
    assert find_leaders([], 4).tolist() == []


# Captions


def refusal(text: str | None, **filters: object) -> tuple[str | None, str | None]:
    caption, refused = CaptionRules(FilterSection.model_validate(filters)).apply(text)
    return caption, refused.reason if refused else None


@pytest.mark.parametrize(
    ("text", "filters", "expected"),
    [
        ("caf\u00e9 noir", {}, ("caf noir", None)),
        ("caf\u00e9\n noir", {"caption_rule": "off"}, ("caf\u00e9 noir", None)),
        ("caf\u00e9 noir", {"caption_rule": "drop"}, ("caf\u00e9 noir", "caption characters")),
        ("coffee", {"caption_rule": "drop"}, ("coffee", None)),
        (None, {"caption_rule": "drop"}, (None, None)),
        (None, {"require_caption": True}, (None, "no caption")),
        ("\u65e5\u672c\u8a9e", {"require_caption": True}, (None, "no caption")),
        ("\u65e5\u672c\u8a9e", {}, (None, None)),
        ("a cat", {"min_caption": 6}, ("a cat", "caption too short")),
        ("a cat", {"max_caption": 4}, ("a cat", "caption too long")),
        ("a cat", {"min_caption": 5, "max_caption": 5}, ("a cat", None)),
        ("a red boat at the beach", {"languages": ["en"]}, ("a red boat at the beach", None)),
        (
            "une voiture rouge dans la rue",
            {"languages": ["en", "de"]},
            ("une voiture rouge dans la rue", "caption language"),
        ),
        ("une voiture rouge dans la rue", {"languages": ["fr"]}, ("une voiture rouge dans la rue", None)),
        ("Katze", {"languages": ["en"]}, ("Katze", None)),
        ("x\x00y\ud800z", {"caption_rule": "off"}, ("xyz", None)),
    ],
)
def test_rules_for_captions(
    text: str | None, filters: dict[str, object], expected: tuple[str | None, str | None]
) -> None:
    assert refusal(text, **filters) == expected


def test_a_language_that_cannot_be_told_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"must be among .*de.*en.* Got qq"):
        CaptionRules(FilterSection(languages=["qq"]))


# Files


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_file_that_ends_too_early_is_told_from_one_that_is_none(kind: str) -> None:
    content = encode(picture(3), kind)
    assert not is_cut_short(content)
    assert not is_cut_short(b"<html>")
    for length in (len(content) - 1, len(content) // 2, 40):
        assert is_cut_short(content[:length])


def test_a_thumbnail_in_the_header_is_not_the_end() -> None:
    exif = Image.Exif()
    exif[0x010E] = "with a thumbnail \xff\xd9"
    content = encode(picture(1), "JPEG", exif=exif)
    assert not is_cut_short(content)
    assert is_cut_short(content[: len(content) // 2])


@pytest.mark.parametrize("orientation", [None, 1, 3, 6, 8])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_inspection_finds_what_decoding_does(kind: str, orientation: int | None) -> None:
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    content = encode(picture(5, (900, 600)), kind, exif=exif)
    whole, found = decode_image(content), inspect_image(content)
    assert (found.format, found.width, found.height) == (kind, *whole.size)
    assert min(found.small.size) >= 64
    shrunk = np.asarray(whole.resize((32, 32)), dtype=float) - np.asarray(found.small.resize((32, 32)), dtype=float)
    assert np.abs(shrunk).mean() < 4
