"""Changing a catalogue: what is added, deleted, amended or merged makes the next generation; the rest stays."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import JsonValue

from clip_branches.catalogue.amended import join_tables, read_amended, rows_among
from clip_branches.catalogue.columns import check_items
from clip_branches.catalogue.generation import Embeddings, GenerationWriter, now, text_writer
from clip_branches.catalogue.lookup import as_ids
from clip_branches.catalogue.manifest import Manifest, NamedFile
from clip_branches.catalogue.reader import Catalogue
from clip_branches.catalogue.removed import read_removed
from clip_branches.errors import InvalidInput, UnknownCatalogue, UnknownItem

_NAMED_IN_ERRORS = 10


class CatalogueChange(GenerationWriter):
    """Writes the next generation of the catalogue in ``path`` from the current one; a context manager.

    Segments of the current generation are named again, not copied: a change costs what it changes. Nothing is visible
    before ``commit``; leaving the block without it, or being killed, leaves the current generation. ``catalogue`` is
    that generation, open. Raises UnknownCatalogue when there is none, StorageError when another process writes.
    """

    def __init__(self, path: str | Path, *, verify: bool = False) -> None:
        path = Path(path)
        Catalogue.open(path, verify=False)  # before the lock makes a folder: an unknown name must leave nothing
        super().__init__(path)
        try:
            self.catalogue = Catalogue.open(path, verify=verify)
            if self._previous is None:
                raise UnknownCatalogue(f"There is no catalogue in {path}.")
            self._base: Manifest = self._previous
            self._removed = read_removed(path, self._base)
        except BaseException:
            self.close()
            raise
        self._deleted = self.catalogue.deleted
        self._amended = read_amended(path, self._base.amended, verify=True)
        self._left_out: set[str] = set()
        self._was_removed = self._removed

    @property
    def removed(self) -> frozenset[str]:
        """sha256 of the images that were deleted on purpose."""
        return self._removed.images

    def add_segment(self, table: pa.Table, embeddings: Embeddings | None, write_index: Any) -> None:
        """As of ``GenerationWriter``; an id must come from ``new_ids``, or of a segment given to ``replace``."""
        ids = table.column("id").to_numpy()
        old = ids[ids < self._base.next_id]
        if len(old) and not np.isin(old, self._ids_of(self._left_out)).all():
            raise InvalidInput("The ids of a segment must be new to the catalogue, or of one that it replaces.")
        super().add_segment(table, embeddings, write_index)

    def replace(self, segments: Collection[str]) -> None:
        """Leave these segments, by id, out of the next generation; segments added after this hold their items."""
        known = {entry.id for entry in self._base.segments}
        unknown = sorted(set(segments) - known)
        if unknown:
            raise InvalidInput(f"The 'segments' to replace must be among {sorted(known)}. Got {unknown} instead.")
        self._left_out |= set(segments)

    def delete(self, ids: Sequence[int] | npt.NDArray[np.integer[Any]], *, on_purpose: bool = True) -> int:
        """Tombstones for items by id; the number of them that were live.

        ``on_purpose`` remembers their bytes, so that ``add`` passes them over. An id that was deleted before is passed
        over. Raises UnknownItem naming the ids that no item of this catalogue has.
        """
        wanted, known = as_ids(ids)
        live = known & self.catalogue.contains(wanted) & ~np.isin(wanted, self._deleted)
        used = known & (wanted < self._base.next_id) & (wanted > 0)
        if not used.all():
            missing = [int(ids[position]) for position in np.flatnonzero(~used).tolist()]
            more = f" and {len(missing) - _NAMED_IN_ERRORS} more" if len(missing) > _NAMED_IN_ERRORS else ""
            raise UnknownItem(
                f"The ids must be of items of the catalogue {self.catalogue.name!r}. "
                f"Got {', '.join(map(str, missing[:_NAMED_IN_ERRORS]))}{more} instead; nothing was deleted."
            )
        gone = np.unique(wanted[live])
        if on_purpose and len(gone):
            self._removed = self._removed.with_rows(self._items(gone))
        self._deleted = np.union1d(self._deleted, gone)
        return len(gone)

    def allow_again(self, images: Sequence[str]) -> None:
        """Forget that these images, by sha256, were deleted on purpose."""
        self._removed = self._removed.without(images)

    def amend(self, table: pa.Table) -> None:
        """Let the rows of ``table``, of live items of the current generation, stand in place of theirs."""
        table = check_items(table, next_id=self.next_id)
        ids = table.column("id").to_numpy()
        self.catalogue.locate(ids)
        if self._amended is None:
            self._amended = table
        else:
            keep = ~np.isin(self._amended.column("id").to_numpy(), ids)
            self._amended = join_tables([self._amended.filter(pa.array(keep)), table])

    def commit(
        self,
        *,
        recipe: dict[str, JsonValue] | None = None,
        recipe_text: str | None = None,
        examples: Sequence[str] | None = None,
    ) -> Manifest:
        """Make the change, all at once, and release the writer; the current manifest when there is nothing to change.

        ``recipe`` and ``examples`` take the place of those there. Raises InvalidInput when no item would be left.
        """
        base = self._base
        if not (self._segments or self._left_out) and self._is_unchanged():
            self.close()
            return base
        kept = [entry for entry in base.segments if entry.id not in self._left_out]
        ids = {entry.id: self._ids_of({entry.id}) for entry in kept}
        dead = {key: int(np.isin(values, self._deleted).sum()) for key, values in ids.items()}
        kept = [entry for entry in kept if dead[entry.id] < entry.rows]
        segments = [*kept, *self._segments]
        if not segments:
            raise InvalidInput(
                f"The catalogue {base.name!r} must keep at least one image. To do away with it, remove {self.path}."
            )
        held = np.concatenate([np.empty(0, np.uint64), *(ids[entry.id] for entry in kept)])
        with self._cleaning_up():
            manifest = base.model_copy(
                update={
                    "generation": self.generation,
                    "created": now(),
                    "next_id": self.next_id,
                    "segments": segments,
                    "deleted": self._write_deleted(np.intersect1d(self._deleted, held)),
                    "amended": self._write_table("amended.parquet", rows_among(self._amended, held)),
                    "removed": self._write_removed(),
                    "recipe": base.recipe if recipe is None else recipe,
                    "recipe_file": base.recipe_file if recipe_text is None else self._write_recipe(recipe_text),
                    "examples": base.examples if examples is None else list(examples),
                }
            )
            return self._publish(manifest)

    def _is_unchanged(self) -> bool:
        same_rows = self._removed is self._was_removed and len(self._deleted) == len(self.catalogue.deleted)
        before = read_amended(self.path, self._base.amended, verify=False)
        if before is None or self._amended is None:
            return same_rows and before is self._amended
        return same_rows and before.equals(self._amended)

    def _items(self, ids: npt.NDArray[np.uint64]) -> pa.Table:
        numbers, rows = self.catalogue.locate(ids)
        columns = ["id", "sha256", "source"]
        parts = [
            self.catalogue.segments[number].table(columns).take(pa.array(rows[numbers == number]))
            for number in np.unique(numbers).tolist()
        ]
        return pa.concat_tables(parts)

    def _ids_of(self, segments: Collection[str]) -> npt.NDArray[np.uint64]:
        parts = [np.asarray(segment.ids) for segment in self.catalogue.segments if segment.id in segments]
        return np.concatenate([np.empty(0, np.uint64), *parts])

    def _write_deleted(self, ids: npt.NDArray[np.uint64]) -> NamedFile | None:
        def write(path: Path) -> None:
            with path.open("wb") as file:
                np.save(file, ids, allow_pickle=False)

        return self._write_named("deleted.npy", write) if len(ids) else None

    def _write_removed(self) -> NamedFile | None:
        if self._removed is self._was_removed:
            return self._base.removed
        return self._write_table("removed.parquet", self._removed.table if self._removed.table.num_rows else None)

    def _write_table(self, name: str, table: pa.Table | None) -> NamedFile | None:
        if table is None:
            return None
        return self._write_named(name, lambda path: pq.write_table(table, path, compression="zstd"))

    def _write_recipe(self, text: str) -> NamedFile:
        return self._write_named("recipe.toml", text_writer(text))


def dead_rows(catalogue: Catalogue) -> dict[str, int]:
    """Rows with a tombstone, by segment id."""
    return {segment.id: int(np.isin(segment.ids, catalogue.deleted).sum()) for segment in catalogue.segments}
