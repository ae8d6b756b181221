"""An answer, and all that can be asked of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from clip_branches.client.progress import told
from clip_branches.client.saved import Saved, SaveRequest
from clip_branches.client.transport import Progress
from clip_branches.errors import InvalidInput, StorageError
from clip_branches.files import replacing
from clip_branches.schemas import (
    BoxesPage,
    ChangesResponse,
    Hit,
    Item,
    ResultPage,
    SearchRequest,
    SearchResponse,
    SuggestRequest,
    SuggestResponse,
    WhyResponse,
)
from clip_branches.schemas.answers import (
    CheckPage,
    CheckRequest,
    CheckResponse,
    FacetsResponse,
    FileFormat,
    IdsResponse,
)

if TYPE_CHECKING:
    from clip_branches.client.client import Client

PAGE = 1_000
Model = TypeVar("Model", bound=BaseModel)
_SUFFIXES: dict[str, FileFormat] = {
    ".csv": "csv",
    ".json": "json",
    ".parquet": "parquet",
    ".zip": "zip",
    ".tar": "webdataset",
}


class Answer:
    """What a search answered. ``request`` asked for it, ``response`` is the service's own answer with its first hits.

    Iterating gives every hit, best first, page by page; ``len`` is the exact number of images.
    """

    def __init__(self, client: Client, request: SearchRequest, response: SearchResponse) -> None:
        self.client = client
        self.request = request
        self.response = response

    @property
    def result_set(self) -> str:
        return self.response.result_set

    @property
    def total(self) -> int:
        return self.response.total

    @property
    def hits(self) -> list[Hit]:
        """The first hits, as many as the request's ``limit``."""
        return self.response.hits

    def __len__(self) -> int:
        return self.response.total

    def __bool__(self) -> bool:
        return True  # an empty answer is an answer

    def __iter__(self) -> Iterator[Hit]:
        return self.every()

    def __repr__(self) -> str:
        of = self.response
        return f"<Answer {of.result_set} of {of.catalogue!r}: {of.total:,} images by {of.model!r}>"

    def every(
        self, *, where: Sequence[str] = (), page: int = PAGE, progress: Progress | bool | None = None
    ) -> Iterator[Hit]:
        """Every hit, or each for which conditions hold ("style:ink"); fetched ``page`` at a time, as read."""
        with told(progress, "images") as tell:
            done = 0
            while True:
                part = self.page(done, page, where=where)
                yield from part.hits
                done += len(part.hits)
                tell(done, part.total)
                if not part.hits or done >= part.total:
                    return

    def page(self, offset: int, limit: int, *, where: Sequence[str] = ()) -> ResultPage:
        """Hits ``offset`` to ``offset + limit - 1``; pages never change."""
        return self._get("", ResultPage, {"offset": offset, "limit": limit, "where": list(where)})

    def ids(self, *, where: Sequence[str] = ()) -> list[int]:
        """Every id in one call, best first."""
        return self._get("/ids", IdsResponse, {"where": list(where)}).ids

    def items(self, offset: int = 0, limit: int = 60) -> list[Item]:
        """Captions, sizes and metadata of a page."""
        ids = [hit.id for hit in self.page(offset, limit).hits]
        return self.client.items(ids, catalogue=self.response.catalogue)

    def refine(self, positive: Iterable[int] = (), negative: Iterable[int] = (), **changes: Any) -> Answer:
        """The answer with these labels beside those given before; a newer label of an image replaces the older.

        ``changes`` are other fields of the request to change: model, cut, boxes_off, without ...
        """
        right, wrong = list(dict.fromkeys(positive)), list(dict.fromkeys(negative))
        both = sorted(set(right) & set(wrong))
        if both:
            raise InvalidInput(f"An image must be right or wrong. Got both for {both[:10]}.", field="negative")
        changes["positive"] = [item for item in self.request.positive if item not in set(wrong)] + right
        changes["negative"] = [item for item in self.request.negative if item not in set(right)] + wrong
        fields = self.request.model_dump(exclude_none=True) | changes
        return self.client.ask(checked(SearchRequest, fields), catalogue=self.response.catalogue)

    def suggest(self, limit: int = 24, *, exclude: Sequence[int] = ()) -> SuggestResponse:
        """Images most worth labelling next; needs labels."""
        fields = self.request.model_dump(exclude_none=True) | {"limit": limit, "exclude": list(exclude)}
        path = f"/catalogues/{quote(self.response.catalogue, safe='')}/suggest"
        return self.client.transport.post(path, SuggestResponse, checked(SuggestRequest, fields))

    def why(self, item: int) -> WhyResponse:
        """Why an image is in the answer, or why not."""
        return self._get(f"/items/{int(item)}", WhyResponse)

    def boxes(self, offset: int = 0, limit: int = 60) -> BoxesPage:
        """Boxes behind the answer with their counts, and the answer as SQL."""
        return self._get("/boxes", BoxesPage, {"offset": offset, "limit": limit})

    def facets(self, *, where: Sequence[str] = (), find: Sequence[str] = ()) -> FacetsResponse:
        """The catalogue's columns over the answer, with exact counts; ``find``: "column:text" that values hold."""
        return self._get("/facets", FacetsResponse, {"where": list(where), "find": list(find)})

    def changes(self, since: Answer | str, offset: int = 0, limit: int = 60) -> ChangesResponse:
        """What came in and what went out against an earlier answer."""
        earlier = since if isinstance(since, str) else since.result_set
        return self._get("/changes", ChangesResponse, {"since": earlier, "offset": offset, "limit": limit})

    def sample(self, offset: int = 0, limit: int = 60) -> CheckPage:
        """A page of the random sample, from inside and outside the answer, that it is checked with."""
        return self._get("/check", CheckPage, {"offset": offset, "limit": limit})

    def check(self, judged: Sequence[bool]) -> CheckResponse:
        """How complete and how clean the answer is, by judgements of the first images of ``sample``, in its order."""
        body = checked(CheckRequest, {"judged": list(judged)})
        return self.client.transport.post(f"{self._path()}/check", CheckResponse, body)

    def save(self, name: str, notes: str = "", *, where: Sequence[str] = ()) -> Saved:
        """Save the answer on the page under a name."""
        fields = {"name": name, "notes": notes, "catalogue": self.response.catalogue, "where": list(where)}
        body = checked(SaveRequest, {**fields, "result_set": self.result_set})
        return self.client.transport.post("/saved/searches", Saved, body)

    def export(
        self,
        target: str | Path | IO[bytes],
        format: FileFormat | None = None,
        *,
        where: Sequence[str] = (),
        progress: Progress | bool | None = None,
    ) -> int:
        """Write the answer as a file and return its bytes. A path is there whole or not at all.

        Without ``format`` it is told by the path's suffix (.csv, .json, .parquet, .zip, .tar), else it is CSV.
        """
        chosen = format or _format_of(target)
        path = f"{self._path()}/export"
        with told(progress, "bytes") as tell:
            pieces = self.client.transport.stream(path, {"format": chosen, "where": list(where)}, tell)
            if not isinstance(target, str | Path):
                return sum(target.write(piece) for piece in pieces)
            try:
                with replacing(Path(target)) as temporary, temporary.open("wb") as file:
                    return sum(file.write(piece) for piece in pieces)
            except OSError as error:
                raise StorageError(
                    f"The file {target} cannot be written: {error.strerror or error}. Is its folder there?"
                ) from error

    def _path(self) -> str:
        of = self.response
        return f"/catalogues/{quote(of.catalogue, safe='')}/results/{quote(of.result_set, safe='')}"

    def _get(self, path: str, model: type[Model], query: dict[str, Any] | None = None) -> Model:
        return self.client.transport.get(self._path() + path, model, query)


def checked(model: type[Model], fields: dict[str, Any]) -> Model:
    """A request of these fields; InvalidInput names the one at fault, and the known ones where there is none such."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = ", ".join(model.model_fields)
            raise InvalidInput(f"There is no field {field!r}. Known fields: {known}.", field=field) from error
        raise InvalidInput(f"The field {field!r} is not valid: {first['msg']}.", field=field) from error


def _format_of(target: str | Path | IO[bytes]) -> FileFormat:
    return _SUFFIXES.get(Path(target).suffix.lower(), "csv") if isinstance(target, str | Path) else "csv"
