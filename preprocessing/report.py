"""What a stage has to say when it ends: counts, reasons with an example each, seconds, and rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from clip_branches.files import replacing

_SHOWN = 60
_NOTES = pa.schema([("source", pa.string()), ("reason", pa.string()), ("detail", pa.string())])


class Note(NamedTuple):
    """Why an item was dropped, or what was odd about one."""

    source: str
    reason: str
    detail: str


def second_caption(source: str, caption: str, where: str) -> Note:
    """That the image ``source`` has another caption before this one, which stands ``where``."""
    shown = caption if len(caption) <= _SHOWN else f"{caption[: _SHOWN - 3]}..."
    detail = f"{shown!r} ({where}) is not used, the first one is; join them in one row to keep both"
    return Note(source, "second caption", detail)


@dataclass
class Summary:
    """The end of a stage. ``processed`` counts what this run did itself, for the rate; ``reused`` the rest.

    ``hints`` say what could be better, a sentence each.
    """

    stage: str
    kept: int = 0
    processed: int = 0
    reused: int = 0
    seconds: float = 0.0
    dropped: Sequence[Note] = field(default_factory=list)
    warnings: Sequence[Note] = field(default_factory=list)
    hints: Sequence[str] = ()

    def lines(self) -> list[str]:
        """The summary for a person, without line ends."""
        head = f"{self.stage}: {self.kept:,} kept, {len(self.dropped):,} dropped{_reasons(self.dropped)}"
        if self.warnings:
            head += f", {len(self.warnings):,} warning{'s' * (len(self.warnings) > 1)}{_reasons(self.warnings)}"
        rate = f", {self.processed / self.seconds:,.0f} images a second" if self.processed and self.seconds else ""
        reused = f", {self.reused:,} taken over from an earlier run" if self.reused else ""
        head += f"; {self.seconds:.1f} s{rate}{reused}"
        hints = [f"  {hint}" for hint in self.hints]
        return [head, *_examples(self.dropped), *_examples(self.warnings), *hints]


def write_notes(path: Path, notes: Sequence[Note]) -> None:
    """Write ``notes`` as a Parquet file with the columns source, reason and detail."""
    columns = [[note[position] for note in notes] for position in range(3)]
    with replacing(path) as temporary:
        pq.write_table(pa.table(columns, schema=_NOTES), temporary)


def read_notes(path: Path) -> list[Note]:
    """The notes in a file that ``write_notes`` wrote; none when it is not there."""
    if not path.exists():
        return []
    table = pq.read_table(path, columns=_NOTES.names)
    return [Note(*values) for values in zip(*(column.to_pylist() for column in table.columns), strict=True)]


def _reasons(notes: Sequence[Note]) -> str:
    counts = Counter(note.reason for note in notes).most_common()
    return f" ({', '.join(f'{reason} {count:,}' for reason, count in counts)})" if counts else ""


def _examples(notes: Sequence[Note]) -> list[str]:
    first: dict[str, Note] = {}
    for note in notes:
        first.setdefault(note.reason, note)
    return [f"  {reason}: for instance {note.source}: {note.detail}" for reason, note in first.items()]
