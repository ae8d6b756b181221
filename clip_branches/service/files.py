"""Answers that are files, as an OpenAPI document describes them."""

from __future__ import annotations

from typing import Any


def file_response(description: str, *content_types: str) -> dict[str, Any]:
    """The description of a 200 whose body is a file of one of ``content_types``."""
    binary = {"type": "string", "format": "binary"}
    schemas = {kind: {} if kind == "application/json" else binary for kind in content_types}
    return {"description": description, "content": {kind: {"schema": schema} for kind, schema in schemas.items()}}


IMAGE_FILE = file_response("The image.", "image/webp", "image/*")
EXPORTED_FILE = file_response(
    "The file, streamed.",
    "text/csv",
    "application/json",
    "application/vnd.apache.parquet",
    "application/zip",
    "application/x-tar",
)
