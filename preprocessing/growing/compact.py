"""Stage ``compact``: merge segments into one, without deleted rows and with amended rows in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from clip_branches.catalogue import Catalogue, CatalogueChange, Segment
from clip_branches.catalogue.amended import join_tables
from clip_branches.engine import BoxIndex, index_order
from clip_branches.errors import DamagedFile
from preprocessing.growing.plan import live_rows

_BLOCK = 65_536


@dataclass(frozen=True)
class Compacted:
    """What ``compact`` did; segment counts before and after."""

    name: str
    generation: int
    before: int
    after: int
    rows: int
    dropped: int

    def lines(self) -> list[str]:
        """For a person, without line ends."""
        if not self.rows:
            return [
                f"compact: nothing to do, {self.before} segment{'s' * (self.before > 1)}; generation {self.generation}"
            ]
        return [
            f"compact: {self.before} segments became {self.after}, {self.rows:,} rows rewritten, "
            f"{self.dropped:,} deleted rows dropped; generation {self.generation}"
        ]


def compact_catalogue(folder: Path, *, below: int | None = None) -> Compacted:
    """Merge the segments with fewer than ``below`` rows, or all for None, and commit that as one generation.

    Ids, items and answers stay as they are. The segments merged stay on disk until the next change, for readers that
    have them open. Raises DamagedFile for a segment that is not what it must be: nothing is then changed.
    """
    with CatalogueChange(folder) as change:
        catalogue = change.catalogue
        rows = dropped = 0
        for segments in _groups(catalogue, below):
            live = [live_rows(catalogue, segment.ids) for segment in segments]
            rows += sum(int(part.sum()) for part in live)
            dropped += sum(int((~part).sum()) for part in live)
            _merge(change, segments, live)
        before = len(catalogue.segments)
        manifest = change.commit()
    return Compacted(catalogue.name, manifest.generation, before, len(manifest.segments), rows, dropped)


def _groups(catalogue: Catalogue, below: int | None) -> list[list[Segment]]:
    """Segments to merge with one another: those whose embeddings have one width; none that is well as it is."""
    groups: dict[int | None, list[Segment]] = {}
    for segment in catalogue.segments:
        if below is None or segment.rows < below:
            width = None if segment.embeddings is None else segment.embeddings.shape[1]
            groups.setdefault(width, []).append(segment)
    return [group for group in groups.values() if len(group) > 1 or _is_worn(catalogue, group[0])]


def _is_worn(catalogue: Catalogue, segment: Segment) -> bool:
    return segment.is_amended or not live_rows(catalogue, segment.ids).all()


def _merge(change: CatalogueChange, segments: Sequence[Segment], live: Sequence[npt.NDArray[np.bool_]]) -> None:
    change.replace([segment.id for segment in segments])
    codes = np.concatenate([_codes(segment)[part] for segment, part in zip(segments, live, strict=True)])
    if not len(codes):
        return
    table = join_tables([segment.table().filter(pa.array(part)) for segment, part in zip(segments, live, strict=True)])
    order = index_order(codes)
    ordered = codes[order]
    change.add_segment(
        table.take(pa.array(order)),
        None if segments[0].embeddings is None else lambda path: _write_embeddings(path, segments, live, order),
        lambda path: BoxIndex.build(ordered, presorted=True).save(path),
    )


def _codes(segment: Segment) -> npt.NDArray[np.uint8]:
    # What goes into the new segment is checked first: a flipped bit must not get a fresh checksum.
    segment.check()
    index = BoxIndex.open(segment.index_path)
    if index.n_rows != segment.rows:
        raise DamagedFile(f"{segment.index_path} must hold {segment.rows} rows. Got {index.n_rows} instead.")
    return index.codes()


def _write_embeddings(
    path: Path,
    segments: Sequence[Segment],
    live: Sequence[npt.NDArray[np.bool_]],
    order: npt.NDArray[np.int64],
) -> None:
    """The .npy file of the live embeddings, in ``order``, a block at a time: they may be more than memory holds."""
    arrays = [segment.embeddings for segment in segments]
    numbers = np.repeat(np.arange(len(segments)), [int(part.sum()) for part in live])[order]
    rows = np.concatenate([np.flatnonzero(part) for part in live])[order]
    width = arrays[0].shape[1] if arrays[0] is not None else 0
    with path.open("wb") as file:
        header = {"descr": "<f2", "fortran_order": False, "shape": (len(order), width)}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(order), _BLOCK):
            part = slice(start, start + _BLOCK)
            block = np.empty((len(rows[part]), width), np.float16)
            for number, array in enumerate(arrays):
                here = numbers[part] == number
                if array is not None and here.any():
                    block[here] = array[rows[part][here]]
            file.write(block.tobytes())
