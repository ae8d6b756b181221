"""What can be done with saved searches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Response
from sqlalchemy import select

from clip_branches.errors import InvalidInput
from clip_branches.memory_budget import MemoryBudget
from clip_branches.schemas import Hit
from web_service.keeping import schemas, searches
from web_service.keeping.answers import Answers, where_of
from web_service.keeping.database import Database
from web_service.keeping.packed import KeptIds, pack
from web_service.keeping.tables import Collection, KeptAnswer, Part, SavedSearch

_COVER = 6
_RUNS, _RUN_BYTES = 16, 64 * 1024 * 1024


class Keeper:
    """Saves searches, runs them again, and says what changed; any number of threads and processes may do so at once.

    Services are asked outside of transactions: one that is slow never holds the database.
    """

    def __init__(self, database: Database, answers: Answers) -> None:
        self._database = database
        self._answers = answers
        self._runs: MemoryBudget[tuple[str, ...], KeptIds] = MemoryBudget(_RUN_BYTES, _RUNS, lambda one: one.nbytes)

    def save(self, body: schemas.SaveRequest) -> schemas.SavedSearch:
        """Keep an answer of the search service under a name."""
        recipe = self._answers.recipe(body.catalogue, body.result_set, body.where)
        found = self._answers.ids(body.catalogue, body.result_set, body.where)
        query, now = recipe["query"], searches.now_ms()
        row = SavedSearch(
            id=searches.new_id(),
            version=1,
            name=body.name,
            notes=body.notes,
            catalogue=body.catalogue,
            created_at=now,
            changed_at=now,
            address=body.address,
            asked={key: query.get(key) for key in ("text", "terms", "without", "image_id")}
            | {"image": query.get("image") is not None, "where": recipe["shown"]},
            right_marks=len(query["positive"]),
            wrong_marks=len(query["negative"]),
        )
        _answered(row, recipe, found, now)
        image = body.image if query.get("image") is not None else None
        with self._database.writing() as session:
            searches.require_room(session, SavedSearch, searches.MOST_SEARCHES)
            row.owner = session.owner
            session.add(row)
            session.flush()
            session.add(KeptAnswer(search_id=row.id, recipe=recipe, image=image, packed=pack(found)))
        return _shown(row)

    def list(self) -> list[schemas.SavedSearch]:
        """All saved searches, the latest first."""
        with self._database.reading() as session:
            pairs = session.execute(
                select(Part.search_id, Collection.name)
                .join(Collection, Part.collection_id == Collection.id)
                .where(Collection.deleted_at.is_(None))
            ).all()
            return [
                _shown(row, used_by=[name for key, name in pairs if key == row.id])
                for row in searches.listed(session, SavedSearch)
            ]

    def get(self, key: str) -> schemas.SavedSearch:
        """One saved search, with the image that it began with."""
        with self._database.reading() as session:
            row = searches.find(session, SavedSearch, key)
            kept = session.get_one(KeptAnswer, key)
            shown = _shown(row, used_by=searches.users_of(session, key))
            asked = kept.recipe["query"]
            return shown.model_copy(
                update={"image": kept.image, "right": asked["positive"], "wrong": asked["negative"]}
            )

    def change(self, key: str, body: schemas.ChangeRequest) -> schemas.SavedSearch:
        """Another name or other notes."""
        with self._database.writing() as session:
            row = searches.claim(session, SavedSearch, key, body.version)
            row.name = row.name if body.name is None else body.name
            row.notes = row.notes if body.notes is None else body.notes
            return _shown(row, used_by=searches.users_of(session, key))

    def delete(self, key: str, version: int) -> schemas.SavedSearch:
        """Put it aside; it can be brought back for a month."""
        with self._database.writing() as session:
            return _shown(searches.delete(session, SavedSearch, key, version))

    def restore(self, key: str, version: int) -> schemas.SavedSearch:
        """Bring it back."""
        with self._database.writing() as session:
            return _shown(searches.restore(session, SavedSearch, key, version))

    def run(self, key: str) -> schemas.Ran:
        """Ask the same of the catalogue as it is now, and compare with the answer as saved."""
        row, recipe, before, image = self._kept(key)
        response, gone = self._answers.again(recipe, image)
        now = self._answer_now(row.catalogue, response["result_set"], where_of(recipe))
        return schemas.Ran(
            result_set=response["result_set"],
            generation=response["generation"],
            total=now.total,
            before=before.total,
            since=row.answered_at,
            came_in=now.without(before).total,
            went_out=before.without(now).total,
            marks_gone=gone,
        )

    def renew(self, key: str, body: schemas.RenewRequest) -> schemas.SavedSearch:
        """Keep the answer of a later run in place of the one that was saved."""
        row, before, _, _ = self._kept(key)
        where = where_of(before)
        recipe = self._answers.recipe(row.catalogue, body.result_set, where)
        if recipe["query"] | {"positive": [], "negative": []} != before["query"] | {"positive": [], "negative": []}:
            raise InvalidInput(
                "The 'result_set' must be of the same search, run again. Save another search as one of its own.",
                field="result_set",
            )
        found = self._answers.ids(row.catalogue, body.result_set, where)
        with self._database.writing() as session:
            row = searches.claim(session, SavedSearch, key, body.version)
            kept = session.get_one(KeptAnswer, key)
            kept.recipe, kept.packed = recipe, pack(found)
            _answered(row, recipe, found, searches.now_ms())
            return _shown(row, used_by=searches.users_of(session, key))

    def page(self, key: str, query: schemas.SideQuery) -> schemas.HitsPage:
        """A page of the answer as saved, or of what a later run gained or lost against it."""
        row, recipe, before, _ = self._kept(key)
        found = before
        if query.side != "saved":
            if query.result_set is None:
                raise InvalidInput(
                    "The 'result_set' must say which later run 'in' and 'out' are of.", field="result_set"
                )
            now = self._answer_now(row.catalogue, query.result_set, where_of(recipe))
            found = now.without(before) if query.side == "in" else before.without(now)
        return hits_page(found, query.offset, query.limit)

    def export(self, key: str, form: str) -> Response:
        """The answer as saved, as a file, with its labels and its recipe."""
        row, recipe, found, _ = self._kept(key)
        asked = recipe["query"]
        group = {"name": row.name, "positive": asked["positive"], "negative": asked["negative"]}
        told = recipe | {"saved_search": {"id": row.id, "name": row.name, "notes": row.notes}}
        return self._answers.file(row.catalogue, export_body(form, row.name, found, [group], None, told))

    def _kept(self, key: str) -> tuple[SavedSearch, dict[str, Any], KeptIds, str | None]:
        with self._database.reading() as session:
            row = searches.find(session, SavedSearch, key)
            kept = session.get_one(KeptAnswer, key)
            found = searches.answer_of(session, key)
            session.expunge_all()
            return row, kept.recipe, found, kept.image

    def _answer_now(self, catalogue: str, result_set: str, where: Sequence[str]) -> KeptIds:
        """The images of a run; pages of it ask again and again, and an answer never changes."""
        key = (catalogue, result_set, *where)
        found = self._runs.get(key)
        if found is None:
            found = self._answers.ids(catalogue, result_set, where)
            self._runs.put(key, found)
        return found


def hits_page(found: KeptIds, offset: int, limit: int) -> schemas.HitsPage:
    """Images ``offset`` to ``offset + limit - 1``."""
    part = found.part(slice(offset, offset + limit))
    votes = [None] * part.total if part.votes is None else part.votes.tolist()
    hits = [
        Hit(id=item, score=round(score, 6), votes=vote)
        for item, score, vote in zip(part.ids.tolist(), part.scores.tolist(), votes, strict=True)
    ]
    return schemas.HitsPage(total=found.total, offset=offset, hits=hits)


def export_body(
    form: str, name: str, found: KeptIds, groups: Sequence[dict[str, Any]], held: Any, recipe: dict[str, Any]
) -> dict[str, Any]:
    """What the search service makes a file of."""
    return {
        "format": form,
        "name": name,
        "ids": found.ids.tolist(),
        "scores": found.scores.tolist(),
        "votes": None if found.votes is None else found.votes.tolist(),
        "groups": list(groups),
        "held": None if held is None else held.tolist(),
        "recipe": recipe,
    }


def _answered(row: SavedSearch, recipe: dict[str, Any], found: KeptIds, now: int) -> None:
    row.answered_at = now
    row.result_set, row.generation = recipe["result_set"], recipe["generation"]
    row.model, row.cut = recipe["model"], recipe["cut"]
    row.total, row.cover = found.total, found.ids[:_COVER].tolist()


def _shown(row: SavedSearch, *, used_by: Sequence[str] = ()) -> schemas.SavedSearch:
    fields = set(schemas.SavedSearch.model_fields) - {"kind", "used_by", "image", "right", "wrong"}
    return schemas.SavedSearch(**{name: getattr(row, name) for name in fields}, used_by=list(used_by))
