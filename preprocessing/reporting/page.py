"""The page: what a run did, what it kept and dropped, and how to do it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from clip_branches.files import write_whole
from preprocessing.growing.info import describe
from preprocessing.progress import duration
from preprocessing.recipe import Recipe
from preprocessing.recipe_file import recipe_text
from preprocessing.report import Note, Summary, read_notes
from preprocessing.reporting import figures
from preprocessing.reporting.pictures import Picture, picture_of
from preprocessing.sources.opening import image_root
from preprocessing.workplace import Workplace

_PER_REASON = 8
_LISTED = 200


@dataclass(frozen=True)
class Reason:
    """Items with the same reason: how many, some pictures, and the first of them by name."""

    name: str
    count: int
    share: float
    pictures: list[Picture]
    notes: list[Note]


def write_report(work: Workplace, recipe: Recipe, summaries: Sequence[Summary], *, pictures: int = 24) -> Path:
    """Write ``report.html`` into the work folder, from what the stages left there, and return its path.

    So many ``pictures`` of what was kept are shown, and up to eight of what was dropped for each reason.
    """
    root = image_root(recipe.source, work.data_dir, work.name)
    kept = pq.read_table(work.kept)
    columns = {name: kept.column(name).to_pylist() for name in ("source", "caption", "width", "height")}
    dropped = _all_dropped(work, summaries)
    values = {
        "title": recipe.title,
        "facts": describe(work.catalogue),
        "stages": [_stage(summary) for summary in summaries],
        "seconds": duration(sum(summary.seconds for summary in summaries)),
        "kept": kept.num_rows - sum(len(summary.dropped) for summary in summaries if summary.stage != "filter"),
        "dropped": len(dropped),
        "reasons": _reasons(dropped, root, _PER_REASON if pictures else 0),
        "warnings": _reasons(read_notes(work.warnings), root, 0),
        "examples": _examples(columns, root, pictures),
        "charts": [
            chart
            for chart in (
                ("Shorter side", figures.sizes(columns["width"], columns["height"])),
                ("Shape", figures.shapes(columns["width"], columns["height"])),
                ("Words of a caption", figures.caption_lengths(columns["caption"])),
                ("Frequent words", figures.frequent_words(columns["caption"])),
                ("Kind of file", figures.kinds(columns["source"])),
            )
            if chart[1]
        ],
        "recipe": recipe_text(work.name, recipe),
    }
    path = work.folder / "report.html"
    write_whole(path, render(values).encode())
    return path


def render(values: dict[str, Any]) -> str:
    """The page of these values. What comes from file names and captions is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["megabytes"] = _size
    environment.filters["percent"] = lambda value: f"{100 * value:.1f}"
    return environment.get_template("report.html").render(values)


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count > 1e5 else f"{count / 1e3:,.1f} kB"


def _all_dropped(work: Workplace, summaries: Sequence[Summary]) -> list[Note]:
    """What the filter stage dropped, from its file, and what later stages did."""
    later = [note for summary in summaries if summary.stage != "filter" for note in summary.dropped]
    # The index stage drops again what has no embedding; it was said once.
    seen: set[str] = set()
    notes = []
    for note in [*read_notes(work.dropped), *later]:
        if note.source not in seen:
            seen.add(note.source)
            notes.append(note)
    return notes


def _stage(summary: Summary) -> dict[str, Any]:
    rate = summary.processed / summary.seconds if summary.processed and summary.seconds else 0.0
    return {
        "name": summary.stage,
        "kept": summary.kept,
        "dropped": len(summary.dropped),
        "processed": summary.processed,
        "reused": summary.reused,
        "seconds": f"{summary.seconds:,.1f}",
        "rate": f"{rate:,.0f}" if rate else "",
    }


def _reasons(notes: Sequence[Note], root: Path, pictures: int) -> list[Reason]:
    reasons = []
    for name, count in Counter(note.reason for note in notes).most_common():
        own = [note for note in notes if note.reason == name]
        shown = [picture_of(root, note.source, note.detail) for note in _spread(own, pictures)]
        reasons.append(Reason(name, count, count / len(notes), shown, own[:_LISTED]))
    return reasons


def _examples(columns: dict[str, list[Any]], root: Path, count: int) -> list[Picture]:
    rows = len(columns["source"])
    # Drawn at random, so that they stand for all; the same ones each time.
    chosen = np.sort(np.random.default_rng(0).choice(rows, min(rows, count), replace=False)).tolist()
    return [picture_of(root, columns["source"][row], columns["caption"][row] or "") for row in chosen]


def _spread(notes: Sequence[Note], count: int) -> list[Note]:
    """At most ``count`` of the notes, from the first to the last."""
    if len(notes) <= count:
        return list(notes)
    return [notes[position] for position in np.linspace(0, len(notes) - 1, count).astype(int).tolist()]
