"""The formats by name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import NamedTuple

from clip_branches.schemas.answers import FileFormat
from search_service.exporting.coco import as_coco
from search_service.exporting.pictures import as_webdataset, as_zip
from search_service.exporting.rows import Export
from search_service.exporting.table import as_parquet
from search_service.exporting.text import as_csv, as_json, as_recipe


class _Form(NamedTuple):
    ending: str
    content_type: str
    write: Callable[[Export], Iterator[bytes]]


_FORMS: dict[FileFormat, _Form] = {
    "csv": _Form(".csv", "text/csv; charset=utf-8", as_csv),
    "json": _Form(".json", "application/json", as_json),
    "parquet": _Form(".parquet", "application/vnd.apache.parquet", as_parquet),
    "coco": _Form("-coco.json", "application/json", as_coco),
    "zip": _Form(".zip", "application/zip", as_zip),
    "webdataset": _Form(".tar", "application/x-tar", as_webdataset),
    "recipe": _Form("-recipe.json", "application/json", as_recipe),
}


class Written(NamedTuple):
    """A file: its name, its content type and its content in pieces."""

    name: str
    content_type: str
    pieces: Iterator[bytes]


def written(export: Export, form: FileFormat) -> Written:
    """The file of an export; pieces are made when they are asked for, and forgotten then."""
    known = _FORMS[form]
    return Written(_file_name(export.name) + known.ending, known.content_type, known.write(export))


def _file_name(name: str) -> str:
    """Letters, digits, dots and dashes of a name: what every system takes as a file's."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._]+", "-", plain)[:80].strip("-._") or "images"
