"""A table of web addresses and captions as links to fetch: batches with url and caption, every other column kept."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from preprocessing.sources.columns import CAPTIONS, URLS, find_column, maybe_column
from preprocessing.sources.tables import TableFile


class LinkTable:
    """The links in a table. Raises InvalidInput when it cannot be read or no column holds addresses."""

    def __init__(self, table: TableFile, *, url_column: str | None = None, caption_column: str | None = None) -> None:
        where = str(table.path)
        self.table = table
        self._url = find_column(where, table.names, url_column, URLS, "--url-column")
        self._caption = maybe_column(where, table.names, caption_column, CAPTIONS, "--caption-column")

    def batches(self) -> Iterator[pa.Table]:
        """The rows with the columns url and caption, both text, and all others as they are."""
        for batch in self.table.batches():
            rows = batch.num_rows
            caption = pa.nulls(rows, pa.string()) if self._caption is None else batch.column(self._caption)
            links = pa.table({"url": batch.column(self._url).cast(pa.string()), "caption": caption.cast(pa.string())})
            for name in batch.column_names:
                if name not in (self._url, self._caption, "url", "caption"):
                    links = links.append_column(name, batch.column(name))
            yield links
