"""Annotation files of the evaluations, read with errors that name the file and the entry."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from clip_branches.errors import ConfigurationError, DamagedFile

Entry = TypeVar("Entry")


def read_json(folder: Path, *names: str) -> Any:
    """The JSON in the first of ``names`` (paths below ``folder``) that is there.

    Raises ConfigurationError, naming what was looked for, where none is, and DamagedFile where it cannot be read.
    """
    for name in names:
        if (folder / name).is_file():
            try:
                return json.loads((folder / name).read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise DamagedFile(f"{folder / name} must be a readable JSON file. Got: {error}") from error
    raise ConfigurationError(f"The folder {folder} must hold {' or '.join(names)}. Got neither of them.")


def entries(content: Any, source: str, read: Callable[[dict[str, Any]], Entry]) -> list[Entry]:
    """Every entry of a JSON list, read; DamagedFile names the first that lacks something."""
    if not isinstance(content, list) or not content:
        raise DamagedFile(f"{source} must be a JSON list with entries. Got {type(content).__name__} instead.")
    made = []
    for number, entry in enumerate(content):
        try:
            made.append(read(entry))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DamagedFile(f"Entry {number} of {source} must be whole. Got: {error!r}") from error
    return made


def require_names(names: set[str], known: set[str], what: str, where: str) -> None:
    """Raise DamagedFile where some of ``names`` are not ``known``, naming the first few."""
    unknown = sorted(names - known)
    if unknown:
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        raise DamagedFile(f"Every {what} must be in {where}. Not there: {', '.join(unknown[:5])}{more}.")
