"""/api/saved/...: saved searches and collections over HTTP."""

from __future__ import annotations

from flask import Response
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel, Field

from clip_branches.schemas import ErrorResponse
from clip_branches.service import json_response
from clip_branches.service.files import EXPORTED_FILE
from web_service.keeping import schemas
from web_service.keeping.collector import Collector
from web_service.keeping.keeper import Keeper

_CHANGED = {409: ErrorResponse}


class KeyPath(BaseModel):
    key: str = Field(description="Its 'id'.")


def register(app: OpenAPI, keeper: Keeper, collector: Collector) -> None:
    """Adds the routes."""
    tags = [Tag(name="saved")]
    _register_searches(app, keeper, tags)
    _register_collections(app, collector, tags)

    @app.get("/api/saved", tags=tags, responses={200: schemas.Listing})
    def saved() -> Response:
        """All saved searches and collections, the latest first."""
        return _fresh(schemas.Listing(searches=keeper.list(), collections=collector.list()))


def _register_searches(app: OpenAPI, keeper: Keeper, tags: list[Tag]) -> None:
    root = "/api/saved/searches"
    one = f"{root}/<key>"

    @app.post(root, tags=tags, responses={201: schemas.SavedSearch})
    def save_search(body: schemas.SaveRequest) -> Response:
        """Save an answer under a name, with its query, marks and model."""
        return _fresh(keeper.save(body), 201)

    @app.get(one, tags=tags, responses={200: schemas.SavedSearch})
    def saved_search(path: KeyPath) -> Response:
        """A saved search."""
        return _fresh(keeper.get(path.key))

    @app.patch(one, tags=tags, responses={200: schemas.SavedSearch, **_CHANGED})
    def change_search(path: KeyPath, body: schemas.ChangeRequest) -> Response:
        """Another name or other notes."""
        return _fresh(keeper.change(path.key, body))

    @app.delete(one, tags=tags, responses={200: schemas.SavedSearch, **_CHANGED})
    def delete_search(path: KeyPath, body: schemas.VersionRequest) -> Response:
        """Delete it; for a month it can be brought back."""
        return _fresh(keeper.delete(path.key, body.version))

    @app.post(f"{one}/restore", tags=tags, responses={200: schemas.SavedSearch, **_CHANGED})
    def restore_search(path: KeyPath, body: schemas.VersionRequest) -> Response:
        """Bring a deleted one back."""
        return _fresh(keeper.restore(path.key, body.version))

    @app.post(f"{one}/run", tags=tags, responses={200: schemas.Ran})
    def run_search_again(path: KeyPath, body: schemas.RunRequest) -> Response:
        """Ask the same of the catalogue as it is now: what is new, and what is gone."""
        return _fresh(keeper.run(path.key))

    @app.post(f"{one}/renew", tags=tags, responses={200: schemas.SavedSearch, **_CHANGED})
    def renew_search(path: KeyPath, body: schemas.RenewRequest) -> Response:
        """Keep the answer of a later run in place of the one that was saved."""
        return _fresh(keeper.renew(path.key, body))

    @app.get(f"{one}/items", tags=tags, responses={200: schemas.HitsPage})
    def search_items(path: KeyPath, query: schemas.SideQuery) -> Response:
        """A page of the answer as saved, or of what a later run gained or lost against it."""
        return _fresh(keeper.page(path.key, query))

    @app.get(f"{one}/export", tags=tags, responses={200: EXPORTED_FILE})
    def export_search(path: KeyPath, query: schemas.FileQuery) -> Response:
        """The answer as saved, as a file."""
        return keeper.export(path.key, query.format)


def _register_collections(app: OpenAPI, collector: Collector, tags: list[Tag]) -> None:
    root = "/api/saved/collections"
    one = f"{root}/<key>"

    @app.post(root, tags=tags, responses={201: schemas.Collection})
    def create_collection(body: schemas.CollectionRequest) -> Response:
        """Combine saved searches into a named set."""
        return _fresh(collector.create(body), 201)

    @app.post(f"{root}/count", tags=tags, responses={200: schemas.Count})
    def count_collection(body: schemas.CountRequest) -> Response:
        """How many images an expression holds."""
        return _fresh(collector.count(body.expression))

    @app.get(one, tags=tags, responses={200: schemas.Collection})
    def collection(path: KeyPath) -> Response:
        """A collection."""
        return _fresh(collector.get(path.key))

    @app.patch(one, tags=tags, responses={200: schemas.Collection, **_CHANGED})
    def change_collection(path: KeyPath, body: schemas.CollectionChange) -> Response:
        """Another name, other notes or another expression."""
        return _fresh(collector.change(path.key, body))

    @app.delete(one, tags=tags, responses={200: schemas.Collection, **_CHANGED})
    def delete_collection(path: KeyPath, body: schemas.VersionRequest) -> Response:
        """Delete it; for a month it can be brought back."""
        return _fresh(collector.delete(path.key, body.version))

    @app.post(f"{one}/restore", tags=tags, responses={200: schemas.Collection, **_CHANGED})
    def restore_collection(path: KeyPath, body: schemas.VersionRequest) -> Response:
        """Bring a deleted one back."""
        return _fresh(collector.restore(path.key, body.version))

    @app.get(f"{one}/items", tags=tags, responses={200: schemas.HitsPage})
    def collection_items(path: KeyPath, query: schemas.PageQuery) -> Response:
        """A page of what it holds."""
        return _fresh(collector.page(path.key, query))

    @app.get(f"{one}/export", tags=tags, responses={200: EXPORTED_FILE})
    def export_collection(path: KeyPath, query: schemas.FileQuery) -> Response:
        """What it holds, as a file."""
        return collector.export(path.key, query.format)


def _fresh(model: BaseModel, status: int = 200) -> Response:
    response = json_response(model, status)
    response.headers["Cache-Control"] = "no-store"
    return response
