"""Texts beside images: read once, and again only when they change."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image

from preprocessing.sidecars import Sidecars, text_of
from preprocessing.sources.folder import list_folder


def write(folder: Path, name: str, text: bytes | None = None) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 40), (len(name), 20, 30)).save(path)
    if text is not None:
        path.with_suffix(".txt").write_bytes(text)


def test_texts_are_found_beside_their_images(tmp_path: Path) -> None:
    write(tmp_path, "a/one.jpg", "\ufeffa  cat\n".encode())
    write(tmp_path, "a/two.v1.png", b"two")
    write(tmp_path, "b/one.jpg", b"caf\xe9")
    write(tmp_path, "b/three.jpg")
    (tmp_path / "b" / "nobody.txt").write_text("no image has this name")
    listing = list_folder(tmp_path, None)
    assert [file.source for file in listing.files] == ["a/one.jpg", "a/two.v1.png", "b/one.jpg", "b/three.jpg"]
    assert listing.captions == ["a  cat\n", "two", None, None]
    assert [(note.source, note.reason) for note in listing.warnings] == [("b/one.jpg", "unreadable caption")]
    assert "one.txt must be UTF-8 text" in listing.warnings[0].detail
    assert text_of("a.b/c") == "a.b/c.txt"


def test_a_text_is_read_again_only_when_size_or_time_changed(tmp_path: Path) -> None:
    pictures, kept = tmp_path / "pictures", tmp_path / "kept.parquet"
    write(pictures, "a.jpg", b"first")
    write(pictures, "b.jpg", b"other")
    write(pictures, "c.jpg", b"\xff")

    def look() -> list[str | None]:
        listing = list_folder(pictures, None, sidecars=Sidecars(kept))
        assert [note.source for note in listing.warnings] == ["c.jpg"]
        return listing.captions

    assert look() == ["first", "other", None]
    text = pictures / "a.txt"
    stamp = text.stat()
    text.write_bytes(b"FIRST")
    os.utime(text, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert look() == ["first", "other", None]  # nothing tells of the change: it was not read
    os.utime(text, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 1))
    assert look() == ["FIRST", "other", None]
    (pictures / "b.txt").unlink()
    assert look() == ["FIRST", None, None]
    kept.write_bytes(b"damaged")
    assert look() == ["FIRST", None, None]
