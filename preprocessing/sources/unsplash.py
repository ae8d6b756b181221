"""Unsplash's data set folder: photos.[ct]sv*, keywords.[ct]sv*; a photo's address is <photo_image_url>?w=<width>."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from clip_branches.errors import InvalidInput
from preprocessing.sources.columns import stack
from preprocessing.sources.tables import TableFile

_MAX_KEYWORDS = 20
_CAPTIONS = ("photo_description", "ai_description")


def find_tables(folder: Path, name: str) -> list[Path]:
    """The files ``<name>.csv*`` or ``<name>.tsv*`` in ``folder``, sorted: the set comes in parts, and endings vary."""
    return sorted(path for kind in ("csv", "tsv") for path in folder.glob(f"{name}.{kind}*") if path.is_file())


def read_photos(folder: Path) -> pa.Table | None:
    """All photos in ``folder``, in order, every column as text; None when there is no such table."""
    paths = find_tables(folder, "photos")
    if not paths:
        return None
    tables = [TableFile(path) for path in paths]
    for table in tables:
        missing = [name for name in ("photo_id", "photo_image_url") if name not in table.names]
        if missing:
            raise InvalidInput(f"The table {table.path} must have the columns {missing}. Got {table.names} instead.")
    parts = [batch for table in tables for batch in table.batches()]
    return stack(parts, [part.num_rows for part in parts])


def read_links(folder: Path, width: int) -> Iterator[pa.Table]:
    """The photos as links to fetch: url, caption, keywords, and Unsplash's other columns.

    The caption is the photographer's, else the one made by machine. Keywords are those that a person suggested first,
    then by confidence, at most 20. Raises InvalidInput when the folder has no table of photos.
    """
    photos = read_photos(folder)
    if photos is None:
        raise InvalidInput(f"The source must hold Unsplash's photos.tsv000, photos.csv or alike. Got none in {folder}.")
    keywords = _read_keywords(folder)
    urls = [with_width(url, width) if url else None for url in photos.column("photo_image_url").to_pylist()]
    told = [photos.column(name).to_pylist() for name in _CAPTIONS if name in photos.column_names]
    captions = [next((text for text in texts if text), None) for texts in zip(*told, strict=True)] or [None] * len(urls)
    ids = photos.column("photo_id").to_pylist()
    words = [", ".join(keywords[photo]) if photo in keywords else None for photo in ids]
    links = pa.table({"url": pa.array(urls, pa.string()), "caption": pa.array(captions, pa.string())})
    links = links.append_column("keywords", pa.array(words, pa.string()))
    for name in photos.column_names:
        if name not in ("photo_image_url", "blur_hash", "keywords", "caption", "url"):
            links = links.append_column(name, photos.column(name))
    yield links


def with_width(url: str, width: int) -> str:
    """``url`` asking the image server for ``width`` pixels; as it is for 0."""
    if width == 0:
        return url
    return f"{url}{'&' if '?' in url else '?'}w={width}"


def _read_keywords(folder: Path) -> dict[str, list[str]]:
    ranked: dict[str, dict[str, float]] = {}
    for path in find_tables(folder, "keywords"):
        table = TableFile(path)
        if "photo_id" not in table.names or "keyword" not in table.names:
            raise InvalidInput(f"The table {path} must have photo_id and keyword. Got {table.names} instead.")
        for batch in table.batches():
            for row in batch.to_pylist():
                if row["photo_id"] and row["keyword"]:
                    known = ranked.setdefault(row["photo_id"], {})
                    known[row["keyword"]] = max(known.get(row["keyword"], 0.0), _confidence(row))
    return {
        photo: sorted(words, key=lambda word: (-words[word], word))[:_MAX_KEYWORDS] for photo, words in ranked.items()
    }


def _confidence(row: dict[str, str | None]) -> float:
    if (row.get("suggested_by_user") or "").lower() in ("t", "true", "1"):
        return 1000.0
    values = [row.get(f"ai_service_{number}_confidence") for number in (1, 2)]
    return max((float(value) for value in values if value and value.replace(".", "", 1).isdigit()), default=0.0)
