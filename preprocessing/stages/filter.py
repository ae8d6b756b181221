"""Stage ``filter``: which images of the source are kept, with what caption; every other one is a row with a reason."""

from __future__ import annotations

import functools
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from clip_branches.errors import InvalidInput
from clip_branches.files import replacing
from preprocessing.checked import CheckedFiles
from preprocessing.checking import Check, check_images
from preprocessing.filters.select import Selection, select
from preprocessing.imported import write_imported
from preprocessing.interrupt import Stopped
from preprocessing.pool import map_pieces
from preprocessing.progress import Progress
from preprocessing.recipe import Recipe
from preprocessing.report import Summary, write_notes
from preprocessing.sidecars import Sidecars
from preprocessing.sources.listing import ImageFile, Listing
from preprocessing.sources.opening import list_source
from preprocessing.workplace import Workplace

_PIECE = 64
_PIECES_KEPT_TOGETHER = 32
# So many are looked at before other processes would have started.
_FEW = 256


def filter_images(work: Workplace, recipe: Recipe, *, workers: int) -> Summary:
    """Write kept.parquet (source, caption, width, height, sha256, metadata), dropped.parquet and warnings.parquet.

    Checks of an earlier run hold for images whose size and time are the same. Raises InvalidInput for a source, or a
    captions file, that cannot be used, and when nothing is kept.
    """
    started = time.monotonic()
    listing = list_source(recipe.source, work.data_dir, work.name, Sidecars(work.sidecars))
    hashed = recipe.filters.near_duplicates != "off"
    checked = CheckedFiles(work.checked)
    files = _at_hand(listing)
    fresh = [file for file in files if not checked.holds(file, hashed=hashed)]
    _check(listing.root, fresh, checked, workers, hashed, total=len(files))
    checks = _checks_of(listing, checked)
    selection = select(checks, listing.captions, recipe.filters)
    dropped = sorted([*listing.dropped, *selection.dropped])
    warnings = [*listing.warnings, *selection.warnings]
    write_notes(work.dropped, dropped)
    write_notes(work.warnings, warnings)
    summary = Summary("filter", len(selection.kept), len(fresh), len(files) - len(fresh), 0.0, dropped, warnings)
    if not selection.kept:
        told = "; ".join(line.strip() for line in summary.lines())
        raise InvalidInput(f"The source must hold at least one usable image. Got: {told}.")
    write_imported(work, listing, checks, selection.kept)
    _write_kept(work.filtered, [checks[position] for position in selection.kept], selection, listing)
    with replacing(work.kept) as temporary:
        shutil.copyfile(work.filtered, temporary)
    work.save_recipe(recipe)
    checked.consolidate(files)
    summary.seconds = time.monotonic() - started
    return summary


def _at_hand(listing: Listing) -> list[ImageFile]:
    """The images to look at: all but those of which only the embedding is there."""
    if listing.imported is None:
        return listing.files
    return [file for file, told in zip(listing.files, listing.imported, strict=True) if not told.sha256]


def _checks_of(listing: Listing, checked: CheckedFiles) -> list[Check]:
    if listing.imported is None:
        return [checked.get(file) for file in listing.files]
    return [
        Check(*file, told.sha256, told.width, told.height, "", "", at_hand=False) if told.sha256 else checked.get(file)
        for file, told in zip(listing.files, listing.imported, strict=True)
    ]


def _check(
    root: Path, fresh: Sequence[ImageFile], checked: CheckedFiles, workers: int, hashed: bool, *, total: int
) -> None:
    pieces = [fresh[start : start + _PIECE] for start in range(0, len(fresh), _PIECE)]
    done = total - len(fresh)
    waiting: list[Check] = []
    look = functools.partial(check_images, root, hashed=hashed)
    try:
        with Progress("filter", total, already=done) as progress:
            for number, checks in enumerate(map_pieces(look, pieces, workers if len(fresh) > _FEW else 1), 1):
                waiting.extend(checks)
                progress.update(len(checks))
                if number % _PIECES_KEPT_TOGETHER == 0:
                    checked.add(waiting)
                    done += len(waiting)
                    waiting = []
            checked.add(waiting)
    except KeyboardInterrupt as error:
        checked.add(waiting)
        raise Stopped(
            f"Stopped: {done + len(waiting):,} of {total:,} images are checked and kept so; "
            "the same command goes on from there."
        ) from error


def _write_kept(path: Path, kept: Sequence[Check], selection: Selection, listing: Listing) -> None:
    columns = {
        "source": pa.array([check.source for check in kept], pa.string()),
        "caption": pa.array(selection.captions, pa.string()),
        "width": pa.array([check.width for check in kept], pa.int32()),
        "height": pa.array([check.height for check in kept], pa.int32()),
        "sha256": pa.array([check.sha256 for check in kept], pa.string()),
        **selection.columns,
    }
    metadata = listing.columns(selection.kept)
    for name in metadata.column_names:
        columns.setdefault(name, metadata.column(name))
    with replacing(path) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")
