"""Small JSON files of the encoder, read with errors that name the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from clip_branches.errors import DamagedFile
from clip_branches.files import write_whole


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (json.dumps(content, indent=2) + "\n").encode())


def read_json(path: Path, kind: str, *versions: int) -> dict[str, Any]:
    """The JSON object in ``path``, whose ``format`` must be ``kind`` and whose ``version`` one of ``versions``.

    Raises DamagedFile, naming the file, where it is missing, unreadable, foreign or of another version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedFile(f"{path} must be a readable {kind} file. Got: {error}") from error
    if not isinstance(content, dict) or content.get("format") != kind:
        raise DamagedFile(f"{path} must be a {kind} file. Got another kind of file instead.")
    if content.get("version") not in versions:
        known = " or ".join(str(version) for version in versions)
        raise DamagedFile(f"{path} must have version {known}. Got {content.get('version')!r} instead.")
    return content
