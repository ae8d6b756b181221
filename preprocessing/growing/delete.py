"""Stage ``delete``: tombstones for chosen images. Their files stay; `compact` takes their rows out of the catalogue."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from clip_branches.catalogue import Catalogue, CatalogueChange, is_url
from clip_branches.catalogue.packed import container_of
from clip_branches.errors import ClipBranchesError, InvalidInput
from preprocessing.growing.plan import live_items

_SHOWN = 5


@dataclass(frozen=True)
class Selection:
    """Which images to delete: by id, by a pattern of their source, or because their file is gone. They add up."""

    ids: Sequence[int] = ()
    patterns: Sequence[str] = ()
    gone: bool = False


@dataclass(frozen=True)
class Deleted:
    """What ``delete`` did, or would do."""

    name: str
    generation: int
    deleted: int
    left: int
    sources: list[str]
    dry: bool

    def lines(self) -> list[str]:
        """For a person, without line ends."""
        verb = "would be deleted" if self.dry else "deleted"
        shown = ", ".join(self.sources[:_SHOWN]) + (", ..." if len(self.sources) > _SHOWN else "")
        head = f"delete: {self.deleted:,} {verb}, {self.left:,} left; generation {self.generation}"
        return [head, *([f"  {shown}"] if shown else [])]


def delete_images(folder: Path, selection: Selection, *, dry: bool = False) -> Deleted:
    """Delete from the catalogue in ``folder``; a dry run only says what would go.

    Raises UnknownItem for an id that the catalogue never gave, InvalidInput when a pattern matches nothing, when
    nothing is chosen, or when nothing would be left.
    """
    if not (selection.ids or selection.patterns or selection.gone):
        raise InvalidInput("Say what to delete: --id, --ids-from, --match or --gone. Got none of them.")
    with CatalogueChange(folder) as change:
        catalogue = change.catalogue
        items = live_items(catalogue).select(["id", "source"])
        chosen = _chosen(catalogue, items, selection)
        deleted = change.delete(chosen)
        left = catalogue.size - deleted
        where = np.isin(items.column("id").to_numpy(), chosen)
        sources = items.filter(pa.array(where)).column("source").to_pylist()
        if left == 0:
            raise InvalidInput(
                f"The catalogue {catalogue.name!r} must keep at least one image; this would delete all "
                f"{catalogue.size:,}. To do away with it, remove the folder {folder}."
            )
        generation = catalogue.generation if dry else change.commit().generation
    return Deleted(catalogue.name, generation, deleted, left, sources, dry)


def read_ids(path: Path) -> list[int]:
    """Ids from a file: the column "id" of a .csv, .tsv or .parquet file, else a number a line."""
    try:
        if path.suffix.lower() == ".parquet":
            return _id_column(path, pq.read_table(path))
        if path.suffix.lower() in (".csv", ".tsv"):
            delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
            return _id_column(
                path, pyarrow.csv.read_csv(path, parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter))
            )
        return [int(line) for line in path.read_text(encoding="utf-8").split()]
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, ClipBranchesError):
            raise
        raise InvalidInput(
            f"The ids in {path} must be whole numbers, one a line or in a column id: {error}."
        ) from error


def _id_column(path: Path, table: pa.Table) -> list[int]:
    if "id" not in table.column_names:
        raise InvalidInput(f"The file {path} must have a column 'id'. Got {table.column_names} instead.")
    return [int(value) for value in table.column("id").cast(pa.int64()).to_pylist() if value is not None]


def _chosen(catalogue: Catalogue, items: pa.Table, selection: Selection) -> npt.NDArray[np.uint64]:
    negative = [item for item in selection.ids if item < 1]
    if negative:
        raise InvalidInput(f"Ids must be 1 or more. Got {negative[:_SHOWN]} instead; nothing was deleted.")
    ids = items.column("id").to_pylist()
    sources = items.column("source").to_pylist()
    chosen = set(selection.ids)
    for pattern in selection.patterns:
        found = {item for item, source in zip(ids, sources, strict=True) if fnmatch.fnmatchcase(source, pattern)}
        if not found:
            raise InvalidInput(
                f"The pattern {pattern!r} must match the source of an image, such as {sources[0]!r}. It matches none; "
                "nothing was deleted."
            )
        chosen |= found
    if selection.gone:
        gone = {item for item, source in zip(ids, sources, strict=True) if _is_gone(catalogue, source)}
        if len(gone) == len(ids):
            raise InvalidInput(
                f"Every image of the catalogue {catalogue.name!r} is gone: is {catalogue.image_root} there, and "
                "mounted? Nothing was deleted."
            )
        chosen |= gone
    return np.array(sorted(chosen), dtype=np.uint64)


def _is_gone(catalogue: Catalogue, source: str) -> bool:
    if is_url(source):
        return False
    # An image inside a tar or Parquet file goes with that file.
    return not any(catalogue.image_path(path).exists() for path in {source, container_of(source)})
