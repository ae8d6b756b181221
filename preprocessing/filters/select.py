"""From what is known of every image to what is kept: the filters, in the order in which they speak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from preprocessing.checking import Check
from preprocessing.filters.caption_rules import CaptionRules
from preprocessing.filters.options import FilterSection
from preprocessing.report import Note, second_caption

COPIES, ALIKE = "copies", "alike"
_NAMED_BY = 12


@dataclass
class Selection:
    """Positions of the ``kept`` images, their ``captions``, further ``columns``, and why others are ``dropped``.

    ``warnings`` name captions that are not used, since their image has another one.
    """

    kept: list[int] = field(default_factory=list)
    captions: list[str | None] = field(default_factory=list)
    columns: dict[str, pa.Array] = field(default_factory=dict)
    dropped: list[Note] = field(default_factory=list)
    warnings: list[Note] = field(default_factory=list)


def select(checks: Sequence[Check], captions: Sequence[str | None], filters: FilterSection) -> Selection:
    """Apply ``filters`` to the images (n) as they were checked, with their captions.

    The first reason counts: the file itself, its size and shape, its caption, an exact copy, one that looks alike. Of
    exact copies the first is kept, with its caption, or the first one that a copy has; of images that look alike the
    largest.
    """
    selection = Selection()
    rules = CaptionRules(filters)
    first: dict[str, int] = {}
    copies: dict[str, list[str]] = {}
    for position, (check, text) in enumerate(zip(checks, captions, strict=True)):
        note = _refuse_picture(check, filters)
        caption = None
        if note is None:
            caption, refusal = rules.apply(text)
            note = Note(check.source, *refusal) if refusal else None
        if note is None and check.sha256 in first:
            row = first[check.sha256]
            same = checks[selection.kept[row]].source
            copies.setdefault(check.sha256, []).append(check.source)
            note = Note(check.source, "duplicate", f"the same bytes as {same}")
            if selection.captions[row] is None:
                selection.captions[row] = caption
            elif caption not in (None, selection.captions[row]):
                selection.warnings.append(second_caption(check.source, str(caption), f"it is a copy of {same}"))
        if note is not None:
            selection.dropped.append(note)
            continue
        first[check.sha256] = len(selection.kept)
        selection.kept.append(position)
        selection.captions.append(caption)
    if filters.near_duplicates != "off":
        _find_alike(selection, checks, filters)
    if filters.duplicates == "list" and copies:
        listed = [copies.get(checks[position].sha256) for position in selection.kept]
        selection.columns[COPIES] = pa.array(["\n".join(names) if names else None for names in listed], pa.string())
    return selection


def _refuse_picture(check: Check, filters: FilterSection) -> Note | None:
    if check.reason:
        return Note(check.source, check.reason, check.detail)
    size = f"{check.width} x {check.height}"
    shorter, longer = sorted((check.width, check.height))
    if not check.at_hand:
        return None  # only its embedding is at hand: nothing is known of its size
    if shorter < filters.min_size:
        detail = f"{size}, the shorter side must have {filters.min_size} pixels"
        return Note(check.source, "too small", detail)
    if check.width * check.height > filters.max_megapixels * 1e6:
        return Note(check.source, "too many pixels", f"{size}, at most {filters.max_megapixels:g} megapixels are kept")
    if filters.max_aspect is not None and longer > filters.max_aspect * shorter:
        return Note(check.source, "aspect", f"{size}, at most {filters.max_aspect:g} to 1 is kept")
    return None


def _find_alike(selection: Selection, checks: Sequence[Check], filters: FilterSection) -> None:
    """Name groups of images that look alike, by their leaders' bytes, or drop all but the leader."""
    from preprocessing.filters.near import find_leaders

    hashed = [row for row, position in enumerate(selection.kept) if checks[position].phash]
    # The largest leads, and of equals the first: it is the one worth showing.
    hashed.sort(key=lambda row: -checks[selection.kept[row]].width * checks[selection.kept[row]].height)
    leaders = find_leaders([checks[selection.kept[row]].phash for row in hashed], filters.near_distance)
    leader_of = {row: hashed[leader] for row, leader in zip(hashed, leaders.tolist(), strict=True)}
    if filters.near_duplicates == "group":
        sizes: dict[int, int] = {}
        for leader in leader_of.values():
            sizes[leader] = sizes.get(leader, 0) + 1
        names = [
            checks[selection.kept[leader]].sha256[:_NAMED_BY] if leader is not None and sizes[leader] > 1 else None
            for leader in (leader_of.get(row) for row in range(len(selection.kept)))
        ]
        selection.columns[ALIKE] = pa.array(names, pa.string())
        return
    stays = [row for row in range(len(selection.kept)) if leader_of.get(row, row) == row]
    for row, leader in sorted(leader_of.items()):
        if row != leader:
            source, like = (checks[selection.kept[which]].source for which in (row, leader))
            selection.dropped.append(Note(source, "near duplicate", f"it looks like {like}"))
    selection.captions = [selection.captions[row] for row in stays]
    selection.kept = [selection.kept[row] for row in stays]
