"""The data service: captions, sizes and metadata by id, images and thumbnails."""

from __future__ import annotations

from pathlib import Path

from flask import Response, request
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel, Field

from clip_branches.catalogue import Catalogue
from clip_branches.errors import InvalidInput, UnknownItem
from clip_branches.schemas import CataloguesResponse, CatalogueSummary, Item, ItemsResponse, RequestModel
from clip_branches.service import create_base_app, json_response
from clip_branches.service.figures import CatalogueFigures, DiskFigures, Readiness
from clip_branches.service.files import IMAGE_FILE
from clip_branches.service.shelf import Shelf
from clip_branches.settings import DataSettings
from data_service.images import Images
from data_service.thumbnails import WIDTHS, Thumbnails

MAX_IDS = 1_000
_ID_DIGITS = 19


class CataloguePath(BaseModel):
    name: str = Field(description="Name of a catalogue.")


class ItemPath(CataloguePath):
    id: int = Field(description="Id of an image.")


class IdsQuery(RequestModel):
    """Which items to give."""

    ids: str = Field(max_length=30 * MAX_IDS, description=f"At most {MAX_IDS:,} ids, separated by commas.")


class ImageQuery(RequestModel):
    """At which width to give an image."""

    width: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description=f"Width in pixels, rounded up to one of {', '.join(map(str, WIDTHS))}; never enlarged. "
        "Without it: the original file.",
    )
    w: int | None = Field(None, ge=1, le=10_000, description="The same as 'width', for clients that ask so.")
    v: str | None = Field(
        None, max_length=100, description="Ignored: images are cached for ever, and a new value is a new address."
    )


def create_app(settings: DataSettings | None = None) -> OpenAPI:
    """The app, from ``settings`` or else from assets/data/config.json and the environment.

    Catalogues are opened in the background; /readyz says when. ``app.extensions["shelf"]`` holds them.
    """
    settings = settings if settings is not None else DataSettings.load()
    cache = settings.data_dir / "cache" / "thumbnails"
    thumbnails = Thumbnails(cache, settings.thumbnail_quality, settings.thumbnails_disk_mb * 1_000_000)

    def open_one(name: str, path: Path, before: Catalogue | None) -> Catalogue:
        catalogue = Catalogue.open(path, verify=True, like=before)
        thumbnails.forget_others(name, catalogue)
        return catalogue

    shelf: Shelf[Catalogue] = Shelf(settings.catalogues_dir, open_one, interval_s=settings.catalogue_check_s)
    app = create_base_app(
        __name__,
        settings,
        title="CLIP-Branches data",
        description="Captions, sizes and metadata of images by their ids, and the images themselves.",
        readiness=shelf.problems,
    )
    app.extensions["shelf"] = shelf
    metrics = app.extensions["metrics"]
    metrics.add(Readiness(shelf.problems))
    metrics.add(CatalogueFigures(shelf, lambda catalogue: catalogue))
    metrics.add(DiskFigures({"thumbnails": cache}, lambda: {"thumbnails": thumbnails.budget}))
    _register_routes(app, shelf, Images(thumbnails))
    shelf.start()
    return app


def _register_routes(app: OpenAPI, shelf: Shelf[Catalogue], images: Images) -> None:
    tags = [Tag(name="data")]

    @app.get("/v1/catalogues", tags=tags, responses={200: CataloguesResponse})
    def catalogues() -> Response:
        """The catalogues that are served, and why others are not."""
        served = [_summary(name, one) for name, one in shelf.opened().items()]
        return json_response(CataloguesResponse(catalogues=served, unavailable=shelf.unavailable()))

    @app.get("/v1/catalogues/<name>/items", tags=tags, responses={200: ItemsResponse})
    def items(path: CataloguePath, query: IdsQuery) -> Response:
        """Captions, sizes and metadata of many images, in the order of the ids; ids that are not there are listed."""
        ids = _ids(query.ids)
        catalogue = shelf.get(path.name)
        found, missing = catalogue.items(ids)
        if missing:  # the search service may know a newer generation already
            found, missing = shelf.latest(path.name).items(ids)
        return json_response(ItemsResponse(items=[_item(values) for values in found], missing=missing))

    @app.get("/v1/catalogues/<name>/items/<int:id>", tags=tags, responses={200: Item})
    def item(path: ItemPath) -> Response:
        """Caption, size and metadata of one image."""
        return json_response(_item(_one(shelf, path)[1]))

    @app.get("/v1/catalogues/<name>/items/<int:id>/image", tags=tags, responses={200: IMAGE_FILE})
    def image(path: ItemPath, query: ImageQuery) -> Response:
        """The image itself: the original file, or a thumbnail that is made once and kept."""
        return images.respond(request, path.name, *_one(shelf, path), query.width or query.w)


def _ids(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > MAX_IDS:
        raise InvalidInput(f"The 'ids' must be at most {MAX_IDS:,}. Got {len(parts):,} instead.", field="ids")
    for part in parts:
        # A number of more digits than any id has is not worth reading, and beyond 4,300 Python refuses to.
        if not (part.isascii() and part.isdigit() and len(part) <= _ID_DIGITS and int(part) < 2**63):
            raise InvalidInput(
                f"The 'ids' must be whole numbers from 0 to 2**63 - 1, separated by commas. Got {part[:40]!r} instead.",
                field="ids",
            )
    return [int(part) for part in parts]


def _one(shelf: Shelf[Catalogue], path: ItemPath) -> tuple[Catalogue, dict[str, object]]:
    """The item, and the generation of the catalogue that holds it."""
    catalogue = shelf.get(path.name)
    if not catalogue.contains([path.id])[0]:
        catalogue = shelf.latest(path.name)
    found, _ = catalogue.items([path.id])
    if not found:
        raise UnknownItem(
            f"The id must be of an image in the catalogue '{path.name}'. Got {path.id} instead.", field="id"
        )
    return catalogue, found[0]


def _item(values: dict[str, object]) -> Item:
    return Item.model_validate({key: value for key, value in values.items() if key != "sha256"})


def _summary(name: str, catalogue: Catalogue) -> CatalogueSummary:
    return CatalogueSummary(
        name=name,
        title=catalogue.title,
        size=catalogue.size,
        generation=catalogue.generation,
        has_captions=catalogue.has_captions,
        examples=catalogue.examples,
    )
