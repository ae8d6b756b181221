"""Whether image bytes end too early: tells a file that was cut short from one that never was an image."""

from __future__ import annotations

_JPEG_SCAN, _JPEG_END = b"\xff\xda", b"\xff\xd9"
_PNG_END = b"IEND\xaeB`\x82"


def is_cut_short(content: bytes) -> bool:
    """True when ``content`` begins as a JPEG, PNG, GIF or WebP and lacks its end. Pixels are not looked at."""
    if content.startswith(b"\xff\xd8"):
        # A thumbnail in the header has an end of its own; what counts is one after the last scan began.
        return content.rfind(_JPEG_END) < max(content.rfind(_JPEG_SCAN), 2)
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return _PNG_END not in content
    if content.startswith((b"GIF87a", b"GIF89a")):
        return not content.rstrip(b"\0").endswith(b";")
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return int.from_bytes(content[4:8], "little") + 8 > len(content)
    return False
