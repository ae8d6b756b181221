"""Routes to what can be done with an answer: a part of it, its columns, all its ids, a file, a check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from flask import Response
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel, Field

from clip_branches.schemas import MAX_PAGE, RequestModel, ResultPage
from clip_branches.schemas.answers import (
    FILE_FORMAT,
    MAX_CONDITIONS,
    WHERE,
    CheckPage,
    CheckRequest,
    CheckResponse,
    Condition,
    CutsResponse,
    ExportRequest,
    FacetsResponse,
    FileFormat,
    IdsResponse,
)
from clip_branches.schemas.looking import AlikeResponse, FiguresResponse, MapResponse
from clip_branches.service import json_response
from clip_branches.service.files import EXPORTED_FILE
from search_service.results import Results
from search_service.state import SearchState

if TYPE_CHECKING:
    from search_service.exporting.files import Written


class CataloguePath(BaseModel):
    name: str = Field(description="Name of a catalogue.")


class ResultPath(CataloguePath):
    result_set: str = Field(description="The 'result_set' of a search answer.")


class WhereQuery(RequestModel):
    """Which images of an answer it is about."""

    where: list[Condition] = Field([], max_length=MAX_CONDITIONS, description=WHERE)


class FacetsQuery(WhereQuery):
    """Which images of an answer to count, and which values of the columns to list."""

    find: list[Condition] = Field(
        [],
        max_length=MAX_CONDITIONS,
        description="'column:text': of that column list the values that hold the text. Counts stay what they are.",
    )


class PartQuery(WhereQuery):
    """Which part of an answer to give."""

    offset: int = Field(0, ge=0, le=2**53, description="Hits to skip.")
    limit: int = Field(60, ge=1, le=MAX_PAGE, description="Most hits to give.")
    order: Literal["best", "alike"] = Field(
        "best", description="'best': best first; 'alike': neighbours look alike. Both are all of the part, and stable."
    )


class AlikeQuery(RequestModel):
    """Which images it is about."""

    ids: str = Field(max_length=4_000, pattern=r"^[0-9]{1,18}(,[0-9]{1,18})*$", description="Ids of images: 1,2,3.")

    @property
    def numbers(self) -> list[int]:
        return [int(number) for number in self.ids.split(",")]


class SampleQuery(RequestModel):
    """Which part of a sample to give."""

    offset: int = Field(0, ge=0, le=2**53, description="Images to skip.")
    limit: int = Field(60, ge=1, le=MAX_PAGE, description="Most images to give.")


class ExportQuery(WhereQuery):
    """What file to make of an answer."""

    format: FileFormat = Field("csv", description=FILE_FORMAT)


class IdsQuery(WhereQuery):
    """Which ids to give."""

    scores: bool = Field(False, description="With the score of each, and its votes where branches vote.")


def register(app: OpenAPI, state: SearchState) -> None:
    """Adds the routes."""
    results, tags = Results(lambda: state.searcher), [Tag(name="search")]
    root = "/v1/catalogues/<name>/results/<result_set>"

    @app.get(root, tags=tags, responses={200: ResultPage})
    def page(path: ResultPath, query: PartQuery) -> Response:
        """A page of an answer, or of a part of it; pages never change, and together they are the whole."""
        return json_response(
            results.page(
                path.name, path.result_set, query.offset, query.limit, query.where, alike=query.order == "alike"
            )
        )

    @app.get(f"{root}/facets", tags=tags, responses={200: FacetsResponse})
    def facets(path: ResultPath, query: FacetsQuery) -> Response:
        """The catalogue's own columns over an answer, each value with its exact count."""
        return json_response(results.facets(path.name, path.result_set, query.where, query.find))

    @app.get(f"{root}/alike", tags=tags, responses={200: AlikeResponse})
    def alike(path: ResultPath, query: AlikeQuery) -> Response:
        """The near duplicates of some images, in and outside the answer."""
        return json_response(results.alike(path.name, path.result_set, query.numbers))

    @app.get(f"{root}/map", tags=tags, responses={200: MapResponse})
    def map_of(path: ResultPath, query: WhereQuery) -> Response:
        """An answer as points: images that look alike lie near each other."""
        return json_response(results.map(path.name, path.result_set, query.where))

    @app.get(f"{root}/figures", tags=tags, responses={200: FiguresResponse})
    def figures(path: ResultPath, query: WhereQuery) -> Response:
        """An answer in figures: the catalogue's columns over it and over everything, and its scores."""
        return json_response(results.figures(path.name, path.result_set, query.where))

    @app.get(f"{root}/ids", tags=tags, responses={200: IdsResponse})
    def ids(path: ResultPath, query: IdsQuery) -> Response:
        """Every id of an answer, best first."""
        return json_response(results.ids(path.name, path.result_set, query.where, scores=query.scores))

    @app.get(f"{root}/export", tags=tags, responses={200: EXPORTED_FILE})
    def export(path: ResultPath, query: ExportQuery) -> Response:
        """An answer as a file, with labels, scores and the recipe that gives it again."""
        return _file(results.export(path.name, path.result_set, query.format, query.where))

    @app.post("/v1/catalogues/<name>/export", tags=tags, responses={200: EXPORTED_FILE})
    def export_images(path: CataloguePath, body: ExportRequest) -> Response:
        """Any images as a file, with the labels, scores and recipe that are sent."""
        return _file(results.export_images(path.name, body))

    @app.get(f"{root}/cuts", tags=tags, responses={200: CutsResponse})
    def cuts(path: ResultPath) -> Response:
        """What other cuts on the score would give: how many images, and how many of them likely right."""
        return json_response(results.cuts(path.name, path.result_set))

    @app.get(f"{root}/check", tags=tags, responses={200: CheckPage})
    def sample(path: ResultPath, query: SampleQuery) -> Response:
        """A random sample from inside and outside an answer, mixed: what to judge to learn how complete it is."""
        return json_response(results.sample(path.name, path.result_set, query.offset, query.limit))

    @app.post(f"{root}/check", tags=tags, responses={200: CheckResponse})
    def judge(path: ResultPath, body: CheckRequest) -> Response:
        """How complete and how clean an answer is, by the images of its sample judged so far."""
        return json_response(results.judge(path.name, path.result_set, body.judged))


def _file(written: Written) -> Response:
    response = Response(written.pieces, content_type=written.content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{written.name}"'
    return response
