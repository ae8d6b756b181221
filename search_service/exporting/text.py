"""Images as text: CSV, JSON with the recipe, or the recipe alone."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from search_service.exporting.rows import OWN, Export

# What makes a spreadsheet take a text for a formula, the wide forms of East Asian writing too.
_RUNNABLE = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def as_csv(export: Export) -> Iterator[bytes]:
    """Lines of a CSV file, one an image, best first. A text that a spreadsheet would run has a ' before it."""
    own = [name for name in OWN if name != "searches" or len(export.groups) > 1]
    # A column of the catalogue with a name of ours keeps its own, told apart.
    names = [f"metadata.{name}" if name in OWN else name for name in export.further]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*own, *(inert(name) for name in names)])
    for rows in export.batches():
        for row in rows:
            values = [*(row[name] for name in own), *(row["metadata"].get(name) for name in export.further)]
            writer.writerow([inert(value) for value in values])
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue().encode()


def as_json(export: Export) -> Iterator[bytes]:
    """One JSON object, {"recipe": ..., "images": [...]}, in pieces."""
    yield f'{{"recipe": {json.dumps(export.recipe, ensure_ascii=False)},\n"images": ['.encode()
    separator = "\n"
    for rows in export.batches():
        yield (separator + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)).encode()
        separator = ",\n"
    yield b"\n]}\n"


def as_recipe(export: Export) -> Iterator[bytes]:
    """The recipe as a JSON object."""
    yield (json.dumps(export.recipe, ensure_ascii=False, indent=1) + "\n").encode()


def inert(value: Any) -> Any:
    """A value of a CSV file; a text that a spreadsheet would run has a ' before it."""
    if isinstance(value, list):
        value = " | ".join(value)
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(_RUNNABLE) else value
