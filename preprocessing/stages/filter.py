"""Stage ``filter``: which images of the source are kept, with what caption; every other one is a row with a reason."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from clip_branches.errors import InvalidInput
from clip_branches.files import replacing
from preprocessing.captions import CaptionFile, attach_sidecars
from preprocessing.checked import CheckedFiles
from preprocessing.checking import Check, check_images
from preprocessing.interrupt import Stopped
from preprocessing.pool import map_pieces
from preprocessing.progress import Progress
from preprocessing.recipe import Recipe
from preprocessing.report import Note, Summary, write_notes
from preprocessing.sources import ImageFile, list_images
from preprocessing.workplace import Workplace

_PIECE = 64
_PIECES_KEPT_TOGETHER = 32


def filter_images(work: Workplace, recipe: Recipe, *, workers: int) -> Summary:
    """Write kept.parquet (source, caption, width, height, sha256, metadata), dropped.parquet and warnings.parquet.

    Checks of an earlier run hold for files whose size and time are the same. Raises InvalidInput for a source or a
    captions file that cannot be used, and when nothing is kept.
    """
    started = time.monotonic()
    source = recipe.source
    captions = CaptionFile(source.captions) if source.captions else None
    files, dropped = list_images(source.path, leave_out=work.data_dir)
    known = [file.source for file in files]
    files = files[: source.max_images]
    checked = CheckedFiles(work.checked)
    fresh = [file for file in files if not checked.holds(file)]
    _check(source.path, fresh, checked, workers, total=len(files))
    kept, more = _select([checked.get(file) for file in files], recipe.filters.min_size)
    dropped = sorted([*dropped, *more])
    sources = [check.source for check in kept]
    if captions is None:
        columns, warnings = attach_sidecars(sources, source.path)
    else:
        columns, warnings = captions.attach(sources, known, source.path)
    write_notes(work.dropped, dropped)
    write_notes(work.warnings, warnings)
    summary = Summary("filter", len(kept), len(fresh), len(files) - len(fresh), 0.0, dropped, warnings)
    if not kept:
        raise InvalidInput(f"The source folder must hold at least one usable image. Got: {summary.lines()[0]}.")
    _write_kept(work.kept, kept, columns)
    work.save_recipe(recipe)
    checked.consolidate(files)
    summary.seconds = time.monotonic() - started
    return summary


def _check(root: Path, fresh: Sequence[ImageFile], checked: CheckedFiles, workers: int, *, total: int) -> None:
    pieces = [fresh[start : start + _PIECE] for start in range(0, len(fresh), _PIECE)]
    done = total - len(fresh)
    waiting: list[Check] = []
    try:
        with Progress("filter", total, already=done) as progress:
            for number, checks in enumerate(map_pieces(functools.partial(check_images, root), pieces, workers), 1):
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


def _select(checks: Iterable[Check], min_size: int) -> tuple[list[Check], list[Note]]:
    kept: list[Check] = []
    dropped: list[Note] = []
    first: dict[str, str] = {}
    for check in checks:
        if check.reason:
            dropped.append(Note(check.source, check.reason, check.detail))
        elif min(check.width, check.height) < min_size:
            size = f"{check.width} x {check.height}, the shorter side must have {min_size} pixels"
            dropped.append(Note(check.source, "too small", size))
        elif check.sha256 in first:
            dropped.append(Note(check.source, "duplicate", f"the same bytes as {first[check.sha256]}"))
        else:
            first[check.sha256] = check.source
            kept.append(check)
    return kept, dropped


def _write_kept(path: Path, kept: Sequence[Check], columns: pa.Table) -> None:
    table = pa.table(
        {
            "source": pa.array([check.source for check in kept], pa.string()),
            "caption": columns.column("caption"),
            "width": pa.array([check.width for check in kept], pa.int32()),
            "height": pa.array([check.height for check in kept], pa.int32()),
            "sha256": pa.array([check.sha256 for check in kept], pa.string()),
        }
    )
    for name in columns.column_names:
        if name != "caption":
            table = table.append_column(name, columns.column(name))
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
