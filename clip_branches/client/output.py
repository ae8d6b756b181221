"""What the command line prints: for people a table, for programs JSON lines, ids, or an answer to go on from."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click

from clip_branches.client.answer import Answer
from clip_branches.schemas import Hit

_BATCH = 200
_CAPTION = 60


def as_text(answer: Answer) -> str:
    """An answer as one line of JSON, with the request that it came from."""
    request = answer.request.model_dump(mode="json", exclude_defaults=True)
    return json.dumps({"request": request, "response": answer.response.model_dump(mode="json")}, ensure_ascii=False)


def show(answer: Answer, form: str, where: Sequence[str], *, limit: int, everything: bool, items: bool) -> int:
    """Print hits as they are read; how many there were."""
    page = 1_000 if everything else min(limit, 1_000)
    progress = everything and sys.stderr.isatty() and not sys.stdout.isatty()
    hits = answer.every(where=where, page=page, progress=progress)
    rows = _rows(answer, itertools.islice(hits, None if everything else limit), items=items or form == "table")
    written = {"jsonl": _json_line, "ids": lambda row: str(row["id"]), "table": _table_line}[form]
    count = 0
    for row in rows:
        click.echo(written(row))
        count += 1
    if form == "table":
        of = f" of {answer.total:,}" if not everything or where else ""
        click.echo(f"{count:,} images{of}, by {answer.response.model}; {answer.result_set}", err=True)
    return count


def _rows(answer: Answer, hits: Iterator[Hit], *, items: bool) -> Iterator[dict[str, Any]]:
    rank = itertools.count(1)
    while batch := list(itertools.islice(hits, _BATCH)):
        ids = [hit.id for hit in batch]
        told = {one.id: one for one in answer.client.items(ids, catalogue=answer.response.catalogue)} if items else {}
        for hit in batch:
            row = {"rank": next(rank), **hit.model_dump(exclude_none=True)}
            item = told.get(hit.id)
            yield row if item is None else {**item.model_dump(exclude={"id"}), **row}


def _json_line(row: dict[str, Any]) -> str:
    first = ("rank", "id", "score", "votes")
    ordered = {name: row[name] for name in first if name in row}
    return json.dumps(ordered | {name: value for name, value in row.items() if name not in first}, ensure_ascii=False)


def _table_line(row: dict[str, Any]) -> str:
    said = " ".join(str(row.get("caption") or row.get("source") or "").split())
    said = said if len(said) <= _CAPTION else said[: _CAPTION - 1] + "…"
    printable = "".join(sign if sign.isprintable() else "?" for sign in said)  # a caption never drives the terminal
    return f"{row['rank']:>7}  {row['id']:>10}  {row['score']:>9.4f}  {printable}"
