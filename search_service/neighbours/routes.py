"""Routes of the neighbours' calls."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from flask import Response, request
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel, Field, ValidationError

from clip_branches.errors import ClipBranchesError
from clip_branches.schemas import ErrorDetail
from clip_branches.service import status_of
from clip_branches.service.errors import raise_invalid
from clip_branches.settings import SearchSettings
from search_service.addresses import ImageAddresses
from search_service.neighbours.bodies import ImageSearchRequest, KnnRequest, MetadataRequest
from search_service.neighbours.nearest import Nearest
from search_service.state import SearchState

Body = TypeVar("Body", bound=BaseModel)
IGNORED = "X-Ignored-Options"
_ROWS = {"type": "array", "items": {"type": "object"}}
_SHARED = ("/knn-service", "/metadata", "/indices-list")


class CataloguePath(BaseModel):
    name: str = Field(description="Name of a catalogue.")


def register(app: OpenAPI, state: SearchState, addresses: ImageAddresses, settings: SearchSettings) -> None:
    """Adds the routes."""
    nearest = Nearest(state, addresses, settings.data_url)
    tags = [Tag(name="neighbours")]

    @app.get("/indices-list", tags=tags, responses={200: _answers({"type": "array", "items": {"type": "string"}})})
    def indices() -> Response:
        """clip-retrieval: the names of the catalogues."""
        return _json(nearest.names())

    @app.post("/knn-service", tags=tags, responses={200: _answers(_ROWS)}, openapi_extensions=_documented(KnnRequest))
    def knn() -> Response:
        """clip-retrieval: the nearest images to a text, an image or a vector."""
        hits, ignored = nearest.knn(_body(KnnRequest))
        answer = _json(hits)
        if ignored:
            answer.headers[IGNORED] = ", ".join(ignored)
        return answer

    @app.post("/metadata", tags=tags, responses={200: _answers(_ROWS)}, openapi_extensions=_documented(MetadataRequest))
    def metadata() -> Response:
        """clip-retrieval: what is known of images."""
        return _json(nearest.metadata(_body(MetadataRequest)))

    @app.post(
        "/v1/catalogues/<name>/image-search",
        tags=tags,
        responses={200: _answers({"type": "object"})},
        openapi_extensions=_documented(ImageSearchRequest),
    )
    def image_search(path: CataloguePath) -> Response:
        """clip-image-search: the ten nearest images to words, or to an image."""
        try:
            found = nearest.image_search(path.name, _body(ImageSearchRequest))
        except ClipBranchesError as error:
            status = status_of(error)
            told = ErrorDetail(code=error.code, message=error.message, field=error.field).model_dump(exclude_none=True)
            return _json({"status_code": status, "message": error.message, "error": told}, status)
        return _json({"status_code": 200, "message": "Success", "body": found})

    @app.after_request
    def share(response: Response) -> Response:
        """Lets the neighbour's web page read the answers, from the origin that the settings name."""
        if settings.cors_origin and request.path in _SHARED:
            response.headers["Access-Control-Allow-Origin"] = settings.cors_origin
            response.headers["Access-Control-Allow-Headers"] = "Content-Type"
            response.headers["Access-Control-Expose-Headers"] = IGNORED
            response.headers["Vary"] = "Origin"
        return response


def _answers(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": "As the neighbour's own service answers.",
        "content": {"application/json": {"schema": schema}},
    }


def _documented(model: type[BaseModel]) -> dict[str, Any]:
    """The body for the API's description: it is read here, not by the framework, which insists on a content type."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": model.model_json_schema()}}}}


def _body(model: type[Body]) -> Body:
    """The body, whatever its content type is said to be: the neighbours' clients name none."""
    try:
        return model.model_validate(request.get_json(force=True))
    except ValidationError as error:
        raise_invalid(error)


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value, default=str), status, content_type="application/json")
