"""Rows of saved searches: read, written, deleted and brought back, each only by who knows its latest version."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from clip_branches.errors import Conflict, TooLarge, UnknownSaved
from web_service.keeping.own import EVERYBODYS
from web_service.keeping.packed import KeptIds, unpack
from web_service.keeping.tables import Collection, KeptAnswer, Part, SavedSearch

MOST_SEARCHES = 2_000
FORGOTTEN_AFTER_MS = 30 * 24 * 3600 * 1000
Row = TypeVar("Row", SavedSearch, Collection)
_WORDS = {"saved_search": "saved search", "collection": "collection"}


def now_ms() -> int:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def new_id() -> str:
    """12 characters that nobody guesses: who has the address of a saved search was given it."""
    return secrets.token_hex(6)


def find(session: Session, kind: type[Row], key: str, *, deleted: bool = False, lock: bool = False) -> Row:
    """The row ``key``; UnknownSaved when there is none, or when it was deleted (unless ``deleted``)."""
    query = select(kind).where(kind.id == key)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None or (row.deleted_at is not None and not deleted):
        words = _WORDS[kind.__tablename__]
        gone = f" It was deleted, and can be brought back for {FORGOTTEN_AFTER_MS // 86_400_000} days." if row else ""
        raise UnknownSaved(f"There is no {words} {key[:40]!r}.{gone} GET /api/saved lists what there is.", field="id")
    return row


def claim(session: Session, kind: type[Row], key: str, version: int, *, deleted: bool = False) -> Row:
    """The row ``key``, to be changed: its version goes up by one. Conflict when another change came first."""
    row = find(session, kind, key, deleted=deleted, lock=True)
    if row.version != version:
        raise Conflict(
            f"“{row.name}” was changed elsewhere meanwhile: it is at version {row.version}, and the change was made to "
            f"version {version}. Look at it again, then change it.",
            field="version",
        )
    row.version += 1
    row.changed_at = now_ms()
    return row


def require_room(session: Session, kind: type[Row], most: int) -> None:
    """TooLarge when there are ``most`` already."""
    count = session.scalar(select(func.count()).select_from(kind).where(kind.deleted_at.is_(None))) or 0
    if count >= most:
        words = _WORDS[kind.__tablename__]
        raise TooLarge(f"There are {count:,} of the {most:,} that can be kept. Delete a {words}, then save this one.")


def listed(session: Session, kind: type[Row]) -> Sequence[Row]:
    """All that are not deleted, the latest first."""
    return session.scalars(
        select(kind).where(kind.deleted_at.is_(None)).order_by(kind.created_at.desc(), kind.id)
    ).all()


def answer_of(session: Session, key: str) -> KeptIds:
    """The answer as saved."""
    packed = session.scalar(select(KeptAnswer.packed).where(KeptAnswer.search_id == key))
    if packed is None:
        raise UnknownSaved(f"There is no saved answer of {key[:40]!r}.", field="id")
    return unpack(packed)


def users_of(session: Session, key: str) -> list[str]:
    """Names of the collections that are made of a saved search."""
    query = select(Collection.name).join(Part, Part.collection_id == Collection.id)
    return list(session.scalars(query.where(Part.search_id == key, Collection.deleted_at.is_(None))))


def delete(session: Session, kind: type[Row], key: str, version: int) -> Row:
    """Put a row aside; ``restore`` brings it back. Conflict for a search that a collection is made of."""
    row = claim(session, kind, key, version)
    if isinstance(row, SavedSearch):
        users = users_of(session, key)
        if users:
            raise Conflict(
                f"“{row.name}” is part of {', '.join(f'“{name}”' for name in users[:5])}. Take it out there, or delete "
                "that first.",
                field="id",
            )
    row.deleted_at = now_ms()
    forget(session)
    return row


def restore(session: Session, kind: type[Row], key: str, version: int) -> Row:
    """Bring a deleted row back; a collection with the searches it is made of."""
    row = claim(session, kind, key, version, deleted=True)
    row.deleted_at = None
    if isinstance(row, Collection):
        for part in session.scalars(select(Part).where(Part.collection_id == key)):
            find(session, SavedSearch, part.search_id, deleted=True, lock=True).deleted_at = None
    return row


def forget(session: Session) -> None:
    """Remove for good what was deleted long ago."""
    long_ago = now_ms() - FORGOTTEN_AFTER_MS
    old = select(Collection).where(Collection.deleted_at < long_ago).execution_options(**EVERYBODYS)
    for collection in session.scalars(old):
        for part in session.scalars(select(Part).where(Part.collection_id == collection.id)):
            session.delete(part)
        session.flush()
        session.delete(collection)
    session.flush()
    used = select(Part.search_id)
    query = select(SavedSearch).where(SavedSearch.deleted_at < long_ago, SavedSearch.id.not_in(used))
    for search in session.scalars(query.execution_options(**EVERYBODYS)):
        kept = session.get(KeptAnswer, search.id)
        if kept is not None:
            session.delete(kept)
        session.flush()
        session.delete(search)
