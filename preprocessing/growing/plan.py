"""What a look at the source means for a catalogue: which images are new, amended, replaced or gone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from clip_branches.catalogue import Catalogue
from clip_branches.catalogue.amended import join_tables

Ids = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Plan:
    """``new``: rows of the source to add; ``passed_over``: rows that were deleted on purpose before.

    ``amended``: whole rows (with id) of items whose image is the same and whose path, caption or metadata is not;
    ``replaced``: ids whose path holds another image now; ``gone``: (id, source) of items that the source has no more;
    ``unchanged``: number of items that are as they were.
    """

    new: pa.Table
    passed_over: pa.Table
    amended: pa.Table
    replaced: Ids
    gone: list[tuple[int, str]]
    unchanged: int


def plan_growth(kept: pa.Table, catalogue: Catalogue, passed_over: frozenset[str]) -> Plan:
    """Compare what the filter stage kept (source, caption, width, height, sha256, metadata) with the live items.

    An image is known by its bytes. ``passed_over`` are sha256 that are not to be added.
    """
    items = live_items(catalogue)
    position = pc.index_in(kept.column("sha256"), value_set=items.column("sha256").combine_chunks())
    unknown = kept.filter(pc.is_null(position))
    again = pc.is_in(unknown.column("sha256"), value_set=pa.array(sorted(passed_over), pa.string()))
    known = kept.filter(pc.is_valid(position))
    before = items.take(position.drop_null())
    after = known.add_column(0, "id", before.column("id"))
    changed = ~_same_rows(before, after)
    amended = after.filter(pa.array(changed))
    found = pc.is_in(items.column("sha256"), value_set=kept.column("sha256").combine_chunks())
    missing = items.filter(pc.invert(found)).select(["id", "source"])
    path_taken = pc.is_in(missing.column("source"), value_set=kept.column("source").combine_chunks())
    replaced = missing.filter(path_taken)
    gone = missing.filter(pc.invert(path_taken))
    return Plan(
        new=unknown.filter(pc.invert(again)),
        passed_over=unknown.filter(again),
        amended=amended,
        replaced=np.asarray(replaced.column("id").to_numpy(), np.uint64),
        gone=list(zip(gone.column("id").to_pylist(), gone.column("source").to_pylist(), strict=True)),
        unchanged=known.num_rows - amended.num_rows,
    )


def live_items(catalogue: Catalogue) -> pa.Table:
    """Every live item of the catalogue, with its metadata columns; rows in the order of the segments."""
    return join_tables(
        [segment.table().filter(pa.array(live_rows(catalogue, segment.ids))) for segment in catalogue.segments]
    )


def live_rows(catalogue: Catalogue, ids: Ids) -> npt.NDArray[np.bool_]:
    """(n,) bool: which of a segment's ``ids`` have no tombstone."""
    return np.isin(ids, catalogue.deleted, invert=True)


def _same_rows(before: pa.Table, after: pa.Table) -> npt.NDArray[np.bool_]:
    """(n,) bool: rows that are equal in every column; a column that one lacks is all null there."""
    same = np.ones(before.num_rows, np.bool_)
    for name in dict.fromkeys([*before.column_names, *after.column_names]):
        same &= _same_values(_column(before, name), _column(after, name))
    return same


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name in table.column_names:
        return table.column(name)
    return pa.chunked_array([pa.nulls(table.num_rows)])


def _same_values(one: pa.ChunkedArray, other: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    both_null = pc.and_(pc.is_null(one, nan_is_null=True), pc.is_null(other, nan_is_null=True))
    if pa.types.is_null(one.type) or pa.types.is_null(other.type):
        return np.asarray(both_null.to_numpy(), np.bool_)
    if one.type != other.type:
        one, other = one.cast(pa.string()), other.cast(pa.string())
    equal = pc.fill_null(pc.equal(one, other), False)
    return np.asarray(pc.or_(both_null, equal).to_numpy(), np.bool_)
