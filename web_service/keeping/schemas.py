"""Request and response bodies of /api/saved/..."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from clip_branches.schemas import MAX_PAGE, Hit, RequestModel
from clip_branches.schemas.answers import MAX_CONDITIONS, Condition

MAX_NAME, MAX_NOTES, MAX_ADDRESS, MAX_IMAGE = 200, 20_000, 400_000, 28_000_000


def _storable(value: str) -> str:
    # PostgreSQL takes no NUL in a text, and no database takes half a character.
    if "\0" in value or any(0xD800 <= ord(letter) <= 0xDFFF for letter in value):
        raise ValueError("it must be plain text, without NUL or half characters")
    return value


def _relative(value: str) -> str:
    if not value.startswith("?"):
        raise ValueError("it must be an address of the page, from its '?' on")
    return value


Words = Annotated[str, Field(strict=True), AfterValidator(str.strip), AfterValidator(_storable)]
Name = Annotated[Words, Field(min_length=1, max_length=MAX_NAME, description="What it is called.")]
Notes = Annotated[Words, Field(max_length=MAX_NOTES, description="Anything worth knowing about it.")]
Version = Annotated[
    int, Field(ge=1, le=2**31 - 1, strict=True, description="The version that was read; another one is a conflict.")
]
ResultSet = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", description="The 'result_set' of a search answer.")]
Address = Annotated[
    str,
    Field(max_length=MAX_ADDRESS, strict=True, description="Address of the page from '?' on: query, rounds, marks."),
    AfterValidator(_storable),
    AfterValidator(_relative),
]


class SaveRequest(RequestModel):
    """Save an answer under a name; the answer itself is fetched from the search service."""

    name: Name
    notes: Notes = ""
    catalogue: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")]
    result_set: ResultSet
    where: list[Condition] = Field([], max_length=MAX_CONDITIONS, description="The part of it, as in results.")
    address: Address = "?"
    image: str | None = Field(None, max_length=MAX_IMAGE, description="The query image where one was uploaded: base64.")


class ChangeRequest(RequestModel):
    """Another name or other notes."""

    version: Version
    name: Name | None = None
    notes: Notes | None = None


class VersionRequest(RequestModel):
    """Which version of it is meant."""

    version: Version


class RunRequest(RequestModel):
    """Nothing more needs to be said."""


class RenewRequest(RequestModel):
    """Keep the answer of a later run in place of the one that was saved."""

    version: Version
    result_set: ResultSet


class CollectionRequest(RequestModel):
    """A set made of saved searches: {"search": id}, {"and": [...]}, {"or": [...]}, {"not": ...}."""

    name: Name
    notes: Notes = ""
    expression: dict[str, Any]


class CountRequest(RequestModel):
    """An expression, to know how many images it holds."""

    expression: dict[str, Any]


class CollectionChange(ChangeRequest):
    """Another name, other notes or another expression."""

    expression: dict[str, Any] | None = None


class PageQuery(RequestModel):
    """Which part of a list of images to give."""

    offset: int = Field(0, ge=0, le=2**53, description="Images to skip.")
    limit: int = Field(60, ge=1, le=MAX_PAGE, description="Most images to give.")


class SideQuery(PageQuery):
    """Which images of a saved search."""

    side: Literal["saved", "in", "out"] = Field(
        "saved", description="The answer as saved; what a later run brought; what it does not hold any more."
    )
    result_set: ResultSet | None = Field(None, description="The later run, for 'in' and 'out'.")


class FileQuery(RequestModel):
    """What file to make."""

    format: Literal["csv", "json", "parquet", "coco", "zip", "webdataset", "recipe"] = "csv"


class Kept(BaseModel):
    """What a saved search and a collection have in common; times are ms since 1970, UTC."""

    id: str
    version: int
    name: str
    notes: str
    catalogue: str
    created_at: int
    changed_at: int
    cover: list[int] = Field(description="Ids of its first images.")
    total: int = Field(description="Images it holds, exactly.")


class SavedSearch(Kept):
    """A saved search and what its answer was."""

    kind: Literal["search"] = "search"
    answered_at: int
    generation: int = Field(description="Generation of the catalogue that answered.")
    model: str
    cut: float | None
    result_set: str
    asked: dict[str, Any] = Field(description="text, terms, without, image_id, image (bool), where.")
    right_marks: int
    wrong_marks: int
    address: str = Field(description="Opens it on the page: '/' and this.")
    used_by: list[str] = Field([], description="Names of the collections made of it.")
    image: str | None = Field(None, description="The uploaded query image, base64; only when one search is asked for.")
    right: list[int] = Field([], description="Ids marked right; likewise.")
    wrong: list[int] = Field([], description="Ids marked wrong; likewise.")


class Collection(Kept):
    """A set made of saved searches, as it is now."""

    kind: Literal["collection"] = "collection"
    expression: dict[str, Any]
    parts: dict[str, str] = Field(description="The names of the saved searches it is made of, by id.")


class Listing(BaseModel):
    searches: list[SavedSearch]
    collections: list[Collection]


class Ran(BaseModel):
    """A saved search, asked again of the catalogue as it is now."""

    result_set: str
    generation: int
    total: int = Field(description="Images of the answer now.")
    before: int = Field(description="Images of the answer as saved.")
    since: int = Field(description="When that was.")
    came_in: int
    went_out: int
    marks_gone: int = Field(description="Marked images that the catalogue does not hold any more.")


class HitsPage(BaseModel):
    total: int
    offset: int
    hits: list[Hit]


class Count(BaseModel):
    total: int
    catalogue: str
