"""What was deleted on purpose: kept by its bytes, so that a file still in its folder is not added again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from clip_branches.catalogue.manifest import Manifest
from clip_branches.catalogue.storage import check_file
from clip_branches.errors import DamagedFile

_SCHEMA = pa.schema([("id", pa.uint64()), ("sha256", pa.string()), ("source", pa.string())])


@dataclass(frozen=True)
class Removed:
    """Images deleted on purpose; ``table`` has the columns id, sha256 and source, a row an image."""

    table: pa.Table

    @property
    def images(self) -> frozenset[str]:
        """Their sha256."""
        return frozenset(self.table.column("sha256").to_pylist())

    def with_rows(self, rows: pa.Table) -> Removed:
        """These and the ``rows``, of which the columns id, sha256 and source are taken."""
        return Removed(pa.concat_tables([self.table, rows.select(_SCHEMA.names).cast(_SCHEMA)]))

    def without(self, images: Sequence[str]) -> Removed:
        """All but the ``images`` by sha256."""
        again = set(images)
        keep = [image not in again for image in self.table.column("sha256").to_pylist()]
        return Removed(self.table.filter(pa.array(keep, pa.bool_())))


def read_removed(folder: Path, manifest: Manifest | None) -> Removed:
    """What ``manifest``, of the catalogue in ``folder``, says was removed. Raises DamagedFile."""
    if manifest is None or manifest.removed is None:
        return Removed(_SCHEMA.empty_table())
    path = folder / manifest.removed.file
    check_file(path, size=manifest.removed.bytes, sha256=manifest.removed.sha256)
    try:
        return Removed(pq.read_table(path, schema=_SCHEMA))
    except (pa.ArrowException, OSError) as error:
        raise DamagedFile(f"The file {path} is damaged: it must be a Parquet file. Got {error} instead.") from error
