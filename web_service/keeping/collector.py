"""What can be done with collections: named sets, made of saved answers by and, or, not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from clip_branches.errors import InvalidInput
from clip_branches.memory_budget import MemoryBudget
from web_service.keeping import schemas, searches
from web_service.keeping.algebra import Members, evaluate, parts_of
from web_service.keeping.answers import Answers
from web_service.keeping.database import Database
from web_service.keeping.keeper import export_body, hits_page
from web_service.keeping.tables import Collection, KeptAnswer, Part, SavedSearch

MOST_COLLECTIONS = 1_000
_COVER = 6
_EVALUATED, _EVALUATED_BYTES = 32, 64 * 1024 * 1024


class Collector:
    """Keeps expressions over saved searches; what they hold is worked out from the answers as they are saved now."""

    def __init__(self, database: Database, answers: Answers) -> None:
        self._database = database
        self._answers = answers
        self._known: MemoryBudget[str, Members] = MemoryBudget(
            _EVALUATED_BYTES, _EVALUATED, lambda one: one.found.nbytes + one.held.nbytes
        )

    def create(self, body: schemas.CollectionRequest) -> schemas.Collection:
        """A new collection."""
        names, now = parts_of(body.expression), searches.now_ms()
        with self._database.writing() as session:
            searches.require_room(session, Collection, MOST_COLLECTIONS)
            parts = _searches(session, names)
            members = self._members(session, body.expression, parts)
            row = Collection(
                id=searches.new_id(),
                version=1,
                name=body.name,
                notes=body.notes,
                owner=session.owner,
                catalogue=_catalogue(parts),
                created_at=now,
                changed_at=now,
                expression=body.expression,
            )
            session.add(row)
            session.flush()
            session.add_all(Part(collection_id=row.id, search_id=name) for name in names)
        return _shown(row, members, parts)

    def count(self, expression: dict[str, Any]) -> schemas.Count:
        """How many images an expression holds, before it is kept."""
        names = parts_of(expression)
        with self._database.reading() as session:
            parts = _searches(session, names)
            return schemas.Count(
                total=self._members(session, expression, parts).found.total, catalogue=_catalogue(parts)
            )

    def list(self) -> list[schemas.Collection]:
        """All collections, the latest first."""
        with self._database.reading() as session:
            return [self._whole(session, row) for row in searches.listed(session, Collection)]

    def get(self, key: str) -> schemas.Collection:
        """One collection."""
        with self._database.reading() as session:
            return self._whole(session, searches.find(session, Collection, key))

    def change(self, key: str, body: schemas.CollectionChange) -> schemas.Collection:
        """Another name, other notes or another expression."""
        with self._database.writing() as session:
            row = searches.claim(session, Collection, key, body.version)
            row.name = row.name if body.name is None else body.name
            row.notes = row.notes if body.notes is None else body.notes
            if body.expression is not None:
                names = parts_of(body.expression)
                parts = _searches(session, names)
                self._members(session, body.expression, parts)
                row.catalogue, row.expression = _catalogue(parts), body.expression
                session.execute(delete(Part).where(Part.collection_id == key))
                session.add_all(Part(collection_id=key, search_id=name) for name in names)
                session.flush()
            return self._whole(session, row)

    def delete(self, key: str, version: int) -> schemas.Collection:
        """Put it aside; it can be brought back for a month."""
        with self._database.writing() as session:
            return self._whole(session, searches.delete(session, Collection, key, version))

    def restore(self, key: str, version: int) -> schemas.Collection:
        """Bring it back, with the saved searches it is made of."""
        with self._database.writing() as session:
            return self._whole(session, searches.restore(session, Collection, key, version))

    def page(self, key: str, query: schemas.PageQuery) -> schemas.HitsPage:
        """A page of what it holds."""
        with self._database.reading() as session:
            row = searches.find(session, Collection, key)
            members = self._members(session, row.expression, _searches(session, parts_of(row.expression)))
        return hits_page(members.found, query.offset, query.limit)

    def export(self, key: str, form: str) -> Response:
        """What it holds, as a file: each saved search is a label of its own."""
        with self._database.reading() as session:
            row = searches.find(session, Collection, key)
            names = parts_of(row.expression)
            parts = _searches(session, names)
            members = self._members(session, row.expression, parts)
            query = select(KeptAnswer.search_id, KeptAnswer.recipe).where(KeptAnswer.search_id.in_(names))
            recipes: dict[str, Any] = {}
            for search, recipe in session.execute(query):
                recipes[search] = recipe
            told = {
                "format": "clip-branches-collection",
                "version": 1,
                "catalogue": row.catalogue,
                "collection": {"id": row.id, "name": row.name, "notes": row.notes},
                "expression": row.expression,
                "exported": members.found.total,
                "searches": {name: {"name": parts[name].name, "recipe": recipes[name]} for name in names},
            }
            catalogue, name = row.catalogue, row.name
        groups = [
            {
                "name": parts[key].name,
                "positive": recipes[key]["query"]["positive"],
                "negative": recipes[key]["query"]["negative"],
            }
            for key in names
        ]
        return self._answers.file(catalogue, export_body(form, name, members.found, groups, members.held, told))

    def _whole(self, session: Session, row: Collection) -> schemas.Collection:
        parts = _searches(session, parts_of(row.expression), deleted=True)
        return _shown(row, self._members(session, row.expression, parts), parts)

    def _members(self, session: Session, expression: dict[str, Any], parts: Mapping[str, SavedSearch]) -> Members:
        """What an expression holds; worked out once for the same answers."""
        key = repr((expression, sorted((name, part.result_set, part.answered_at) for name, part in parts.items())))
        members = self._known.get(key)
        if members is None:
            members = evaluate(expression, {name: searches.answer_of(session, name) for name in parts})
            self._known.put(key, members)
        return members


def _searches(session: Session, names: Sequence[str], *, deleted: bool = False) -> dict[str, SavedSearch]:
    return {name: searches.find(session, SavedSearch, name, deleted=deleted) for name in names}


def _catalogue(parts: Mapping[str, SavedSearch]) -> str:
    catalogues = sorted({part.catalogue for part in parts.values()})
    if len(catalogues) > 1:
        raise InvalidInput(
            "A collection must be of one catalogue: an id means another image in another. "
            f"Got saved searches of {', '.join(catalogues)}.",
            field="expression",
        )
    return catalogues[0]


def _shown(row: Collection, members: Members, parts: Mapping[str, SavedSearch]) -> schemas.Collection:
    return schemas.Collection(
        id=row.id,
        version=row.version,
        name=row.name,
        notes=row.notes,
        catalogue=row.catalogue,
        created_at=row.created_at,
        changed_at=row.changed_at,
        cover=members.found.ids[:_COVER].tolist(),
        total=members.found.total,
        expression=row.expression,
        parts={name: part.name for name, part in parts.items()},
    )
