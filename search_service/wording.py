"""Words as they are asked with, free of how they were written."""

from __future__ import annotations

import re
import unicodedata

_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


def clean_text(text: str) -> str:
    """Text in Unicode's composed form, white space and control characters collapsed to single spaces."""
    return _SPACE.sub(" ", unicodedata.normalize("NFC", text)).strip()
