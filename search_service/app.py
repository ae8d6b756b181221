"""The search service: a query in words, an example image or labels in, the complete answer out, page by page."""

from __future__ import annotations

from flask import Response
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel, ConfigDict, Field
from threadpoolctl import threadpool_limits

from clip_branches.schemas import (
    MAX_PAGE,
    BoxesPage,
    CataloguesResponse,
    ChangesResponse,
    RequestModel,
    SearchRequest,
    SearchResponse,
    SuggestRequest,
    SuggestResponse,
    WhyResponse,
)
from clip_branches.service import create_base_app, json_response, require
from clip_branches.service.figures import CatalogueFigures, DiskFigures, Readiness
from clip_branches.settings import SearchSettings
from search_service import neighbours, result_routes
from search_service.addresses import ImageAddresses
from search_service.fetching import Fetcher
from search_service.state import SearchState

# An image of 20 MiB is 26.7 MiB in base64; the rest is room for labels.
MAX_BODY = 28 * 1024 * 1024
_DESCRIPTION = (
    "Answers a query with the whole catalogue, nearest first, and labels with every image that a model trained on them "
    "accepts, best first. An answer is a result set: its pages never change."
)


class CataloguePath(BaseModel):
    name: str = Field(description="Name of a catalogue.")


class ResultPath(CataloguePath):
    result_set: str = Field(description="The 'result_set' of a search answer.")


class ResultItemPath(ResultPath):
    id: int = Field(description="Id of an image.")


class PageQuery(RequestModel):
    """Which part of an answer to give."""

    offset: int = Field(0, ge=0, le=2**53, description="Hits to skip.")
    limit: int = Field(60, ge=1, le=MAX_PAGE, description="Most hits to give.")


class ChangesQuery(PageQuery):
    """Which earlier answer to compare with, and which part of each side to give."""

    model_config = ConfigDict(extra="forbid")
    since: str = Field(description="The 'result_set' of the earlier answer.")


def create_app(settings: SearchSettings | None = None) -> OpenAPI:
    """The app, from ``settings`` or else from assets/search/config.json and the environment.

    Catalogues, models and kernels load in the background: the process answers at once, /readyz says when it can serve.
    ``app.extensions["search"]`` is its :class:`SearchState`.
    """
    settings = settings if settings is not None else SearchSettings.load()
    # Linear algebra here is of 32 columns: threads of its library would cost more in waiting for each other, six times
    # the training on a busy machine, than they compute.
    threadpool_limits(1, user_api="blas")
    state = SearchState(settings)
    app = create_base_app(
        __name__,
        settings,
        title="CLIP-Branches search",
        description=_DESCRIPTION,
        readiness=state.problems,
        max_body=MAX_BODY,
    )
    app.extensions["search"] = state
    metrics = app.extensions["metrics"]
    metrics.add(Readiness(state.problems))
    metrics.add(CatalogueFigures(state.shelf, lambda served: served.catalogue))
    metrics.add(DiskFigures({"answers": settings.data_dir / "answers"}, state.caches))
    fetcher = Fetcher(timeout_s=settings.image_url_timeout_s) if settings.image_urls else None
    addresses = app.extensions["addresses"] = ImageAddresses(fetcher)
    _register_routes(app, state, addresses)
    result_routes.register(app, state)
    neighbours.register(app, state, addresses, settings)
    state.start()
    return app


def _register_routes(app: OpenAPI, state: SearchState, addresses: ImageAddresses) -> None:
    tags = [Tag(name="search")]

    @app.get("/v1/catalogues", tags=tags, responses={200: CataloguesResponse})
    def catalogues() -> Response:
        """The catalogues that can be searched, and why others cannot."""
        return json_response(state.catalogues())

    @app.post("/v1/catalogues/<name>/search", tags=tags, responses={200: SearchResponse})
    def search(path: CataloguePath, body: SearchRequest) -> Response:
        """One round of a search: a query and the labels so far in, the first page of the whole answer out."""
        if body.positive or body.negative:
            require("label")
        return json_response(state.searcher.search(path.name, addresses.filled(body)))

    @app.post("/v1/catalogues/<name>/suggest", tags=tags, responses={200: SuggestResponse})
    def suggest(path: CataloguePath, body: SuggestRequest) -> Response:
        """Images worth labelling next: some the model is unsure of, some likely right, some unlike all labels."""
        return json_response(state.searcher.suggest(path.name, addresses.filled(body)))

    @app.get("/v1/catalogues/<name>/results/<result_set>/changes", tags=tags, responses={200: ChangesResponse})
    def changes(path: ResultPath, query: ChangesQuery) -> Response:
        """What an answer gained and lost against an earlier one, a page of each."""
        return json_response(state.searcher.changes(path.name, path.result_set, query.since, query.offset, query.limit))

    @app.get("/v1/catalogues/<name>/results/<result_set>/boxes", tags=tags, responses={200: BoxesPage})
    def boxes(path: ResultPath, query: PageQuery) -> Response:
        """Every box behind an answer with its exact counts, a page of them, and the whole answer as SQL."""
        return json_response(state.searcher.boxes(path.name, path.result_set, query.offset, query.limit))

    @app.get("/v1/catalogues/<name>/results/<result_set>/items/<int:id>", tags=tags, responses={200: WhyResponse})
    def why(path: ResultItemPath) -> Response:
        """Why an image is in an answer or not: the boxes that hold it, the votes, its score beside the cut."""
        return json_response(state.searcher.why(path.name, path.result_set, path.id))
