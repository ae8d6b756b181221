"""The tables. Every change to them is a migration in migrations/versions; a test holds the two together."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# Names that every database gives alike, so that later migrations can name what they change.
_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Table(DeclarativeBase):
    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map = {dict[str, Any]: JSON, list[int]: JSON}  # noqa: RUF012 (read by SQLAlchemy)


class Kept:
    """What a saved search and a collection have in common. Times are milliseconds since 1970, UTC."""

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(200))
    notes: Mapped[str] = mapped_column(Text)
    catalogue: Mapped[str] = mapped_column(String(128))
    owner: Mapped[str] = mapped_column(String(64), server_default="local")  # of clip_branches.access.Caller
    created_at: Mapped[int] = mapped_column(BigInteger)
    changed_at: Mapped[int] = mapped_column(BigInteger)
    deleted_at: Mapped[int | None] = mapped_column(BigInteger)


class SavedSearch(Kept, Table):
    """A search as it is listed: what was asked, and what its answer was when it was saved."""

    __tablename__ = "saved_search"
    __table_args__ = (Index("ix_saved_search_deleted_at", "deleted_at"), Index("ix_saved_search_owner", "owner"))

    answered_at: Mapped[int] = mapped_column(BigInteger)
    asked: Mapped[dict[str, Any]]  # words of the query, for the list
    address: Mapped[str] = mapped_column(Text)  # of the page: rounds and marks, too
    result_set: Mapped[str] = mapped_column(String(32))
    generation: Mapped[int] = mapped_column(Integer)
    model: Mapped[str] = mapped_column(String(16))
    cut: Mapped[float | None] = mapped_column(Float(53))
    total: Mapped[int] = mapped_column(BigInteger)
    right_marks: Mapped[int] = mapped_column(Integer)
    wrong_marks: Mapped[int] = mapped_column(Integer)
    cover: Mapped[list[int]]  # ids of the first images


class KeptAnswer(Table):
    """What is large of a saved search: all that gives its answer again, and the answer itself."""

    __tablename__ = "kept_answer"

    search_id: Mapped[str] = mapped_column(ForeignKey("saved_search.id", ondelete="CASCADE"), primary_key=True)
    recipe: Mapped[dict[str, Any]]
    image: Mapped[str | None] = mapped_column(Text)  # an uploaded query image, base64
    packed: Mapped[bytes] = mapped_column(LargeBinary)  # ids and scores, see packed.py


class Collection(Kept, Table):
    """A named set: an expression over saved searches, see algebra.py."""

    __tablename__ = "collection"
    __table_args__ = (Index("ix_collection_deleted_at", "deleted_at"), Index("ix_collection_owner", "owner"))

    expression: Mapped[dict[str, Any]]


class Part(Table):
    """Which saved searches a collection is made of."""

    __tablename__ = "collection_part"
    __table_args__ = (Index("ix_collection_part_search_id", "search_id"),)

    collection_id: Mapped[str] = mapped_column(ForeignKey("collection.id", ondelete="CASCADE"), primary_key=True)
    search_id: Mapped[str] = mapped_column(ForeignKey("saved_search.id"), primary_key=True)
