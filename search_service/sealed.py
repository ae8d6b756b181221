"""JSON files that know when they were altered: an object whose last key is a checksum over all that stands before."""

from __future__ import annotations

import hashlib
import json
from typing import Any

_SEAL = "checksum"


def sealed(values: dict[str, Any]) -> bytes:
    """The file of ``values``."""
    return json.dumps({**values, _SEAL: _digest(values)}).encode()


def unsealed(content: bytes, *, unsealed_version: int | None = None) -> dict[str, Any] | None:
    """The object in the file, or None for anything that was not written so, or altered since.

    ``unsealed_version``: files of that version were written before there was a checksum, and are taken without one.
    """
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict):
        return None
    if _SEAL not in values:
        return values if unsealed_version is not None and values.get("version") == unsealed_version else None
    return values if values.pop(_SEAL) == _digest(values) else None


def _digest(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
