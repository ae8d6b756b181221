"""/api/...: the paths of the search and data services that the browser may use, under the page's own origin."""

from __future__ import annotations

import re

from flask import Response
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel, Field

from clip_branches.errors import UnknownCatalogue, UnknownResultSet
from clip_branches.schemas import (
    BoxesPage,
    CataloguesResponse,
    ChangesResponse,
    Item,
    ItemsResponse,
    ResultPage,
    SearchResponse,
    SuggestResponse,
    WhyResponse,
)
from clip_branches.schemas.answers import CheckPage, CheckResponse, CutsResponse, FacetsResponse, IdsResponse
from clip_branches.schemas.looking import AlikeResponse, FiguresResponse, MapResponse
from clip_branches.service.files import EXPORTED_FILE, IMAGE_FILE
from web_service.upstream import Upstream

# Names become a path of another service's URL: nothing that could climb out of its segment gets there.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


class CataloguePath(BaseModel):
    name: str = Field(description="Name of a catalogue.")


class ResultPath(CataloguePath):
    result_set: str = Field(description="The 'result_set' of a search answer.")


class ResultItemPath(ResultPath):
    id: int = Field(description="Id of an image.")


class ItemPath(CataloguePath):
    id: int = Field(description="Id of an image.")


def register(app: OpenAPI, *, search: Upstream, data: Upstream) -> None:
    """Adds the routes; only what is named here is ever sent on."""
    found, looked_at = [Tag(name="search")], [Tag(name="data")]

    @app.get("/api/catalogues", tags=found, responses={200: CataloguesResponse})
    def catalogues() -> Response:
        """The catalogues that can be searched."""
        return search.forward("/v1/catalogues")

    @app.post("/api/catalogues/<name>/search", tags=found, responses={200: SearchResponse})
    def run_search(path: CataloguePath) -> Response:
        """One round of a search: a query and the labels so far."""
        return search.forward(f"{_catalogue(path)}/search")

    @app.post("/api/catalogues/<name>/suggest", tags=found, responses={200: SuggestResponse})
    def suggest(path: CataloguePath) -> Response:
        """Images worth labelling next."""
        return search.forward(f"{_catalogue(path)}/suggest")

    @app.get("/api/catalogues/<name>/results/<result_set>", tags=found, responses={200: ResultPage})
    def results(path: ResultPath) -> Response:
        """A page of an answer."""
        return search.forward(_result_set(path))

    @app.get("/api/catalogues/<name>/results/<result_set>/changes", tags=found, responses={200: ChangesResponse})
    def changes(path: ResultPath) -> Response:
        """What an answer gained and lost against an earlier one."""
        return search.forward(f"{_result_set(path)}/changes")

    @app.get("/api/catalogues/<name>/results/<result_set>/boxes", tags=found, responses={200: BoxesPage})
    def boxes(path: ResultPath) -> Response:
        """Every box behind an answer, and the answer as SQL."""
        return search.forward(f"{_result_set(path)}/boxes")

    @app.get("/api/catalogues/<name>/results/<result_set>/items/<int:id>", tags=found, responses={200: WhyResponse})
    def why(path: ResultItemPath) -> Response:
        """Why an image is in an answer, or why not."""
        return search.forward(f"{_result_set(path)}/items/{path.id}")

    @app.get("/api/catalogues/<name>/results/<result_set>/facets", tags=found, responses={200: FacetsResponse})
    def facets(path: ResultPath) -> Response:
        """The catalogue's own columns over an answer, with exact counts."""
        return search.forward(f"{_result_set(path)}/facets")

    @app.get("/api/catalogues/<name>/results/<result_set>/alike", tags=found, responses={200: AlikeResponse})
    def alike(path: ResultPath) -> Response:
        """The near duplicates of some images."""
        return search.forward(f"{_result_set(path)}/alike")

    @app.get("/api/catalogues/<name>/results/<result_set>/map", tags=found, responses={200: MapResponse})
    def map_of(path: ResultPath) -> Response:
        """An answer as points of a map."""
        return search.forward(f"{_result_set(path)}/map")

    @app.get("/api/catalogues/<name>/results/<result_set>/figures", tags=found, responses={200: FiguresResponse})
    def figures(path: ResultPath) -> Response:
        """An answer in figures, beside the catalogue."""
        return search.forward(f"{_result_set(path)}/figures")

    @app.get("/api/catalogues/<name>/results/<result_set>/ids", tags=found, responses={200: IdsResponse})
    def ids(path: ResultPath) -> Response:
        """Every id of an answer."""
        return search.forward(f"{_result_set(path)}/ids")

    @app.get("/api/catalogues/<name>/results/<result_set>/export", tags=found, responses={200: EXPORTED_FILE})
    def export(path: ResultPath) -> Response:
        """An answer as a file: CSV, JSON or its recipe."""
        return search.forward(f"{_result_set(path)}/export")

    @app.get("/api/catalogues/<name>/results/<result_set>/cuts", tags=found, responses={200: CutsResponse})
    def cuts(path: ResultPath) -> Response:
        """What other cuts on the score would give."""
        return search.forward(f"{_result_set(path)}/cuts")

    @app.get("/api/catalogues/<name>/results/<result_set>/check", tags=found, responses={200: CheckPage})
    def sample(path: ResultPath) -> Response:
        """A random sample from inside and outside an answer."""
        return search.forward(f"{_result_set(path)}/check")

    @app.post("/api/catalogues/<name>/results/<result_set>/check", tags=found, responses={200: CheckResponse})
    def judge(path: ResultPath) -> Response:
        """How complete an answer is, by the judged part of its sample."""
        return search.forward(f"{_result_set(path)}/check")

    @app.get("/api/catalogues/<name>/items", tags=looked_at, responses={200: ItemsResponse})
    def items(path: CataloguePath) -> Response:
        """Captions, sizes and metadata of many images."""
        return data.forward(f"{_catalogue(path)}/items")

    @app.get("/api/catalogues/<name>/items/<int:id>", tags=looked_at, responses={200: Item})
    def item(path: ItemPath) -> Response:
        """Caption, size and metadata of one image."""
        return data.forward(f"{_catalogue(path)}/items/{path.id}")

    @app.get("/api/catalogues/<name>/items/<int:id>/image", tags=looked_at, responses={200: IMAGE_FILE})
    def image(path: ItemPath) -> Response:
        """The picture itself, at a width."""
        return data.forward(f"{_catalogue(path)}/items/{path.id}/image")


def _catalogue(path: CataloguePath) -> str:
    if not _NAME.fullmatch(path.name):
        raise UnknownCatalogue(
            f"The catalogue of a request must be one that GET /api/catalogues names. Got {path.name!r} instead.",
            field="name",
        )
    return f"/v1/catalogues/{path.name}"


def _result_set(path: ResultPath) -> str:
    if not _NAME.fullmatch(path.result_set):
        raise UnknownResultSet(
            f"The result set of a request must be one that a search answered. Got {path.result_set!r} instead.",
            field="result_set",
        )
    return f"{_catalogue(path)}/results/{path.result_set}"
