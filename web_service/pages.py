"""The page, rendered on the server with what is known of the request: catalogues, query and examples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from flask import Response, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_openapi3.openapi import OpenAPI
from pydantic import ValidationError

from clip_branches.errors import ServiceUnavailable
from clip_branches.schemas import MAX_LABELS, MAX_TEXT_LENGTH, CataloguesResponse, CatalogueSummary
from web_service.entry.person import page_token, person
from web_service.languages import Languages, Message
from web_service.static_files import StaticFiles, squeezed
from web_service.upstream import Upstream

# The page comes at once even while the search service is busy: the browser asks again for what is missing.
_CATALOGUES_TIMEOUT_S = 1.5
FIRST_PAGE = 120  # as session.js asks


@dataclass(frozen=True)
class PageContext:
    """What the templates are given. ``asked``: the address asks for something; ``words_alone``: by words only."""

    static: StaticFiles
    query: str
    asked: bool
    words_alone: bool
    catalogue: CatalogueSummary | None
    language: str
    languages: dict[str, str]
    messages: Mapping[str, Message]
    person: str | None = None  # who is logged in, and
    csrf: str | None = None  # what their page sends with its changes
    catalogues: list[CatalogueSummary] = field(default_factory=list)
    unavailable: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"{self.query} · CLIP-Branches" if self.query else "CLIP-Branches"

    @property
    def ask(self) -> dict[str, str] | None:
        """The search that head/ask.js asks for while the script is on its way: as api.js would, to the letter."""
        if self.catalogue is None or not self.words_alone:
            return None
        request = {"model": "auto", "limit": FIRST_PAGE, "text": self.query}
        body = json.dumps(request, ensure_ascii=False, separators=(",", ":"))
        return {"path": f"api/catalogues/{quote(self.catalogue.name, safe='')}/search", "body": body}

    @property
    def boot(self) -> dict[str, Any]:
        """What the scripts start from, as JSON in the page."""
        return {
            "catalogues": [catalogue.model_dump() for catalogue in self.catalogues],
            "unavailable": self.unavailable,
            "max_text_length": MAX_TEXT_LENGTH,
            "max_labels": MAX_LABELS,
            "messages": self.messages,
        }


def register(app: OpenAPI, *, search: Upstream, static: StaticFiles, languages: Languages) -> None:
    """Adds the pages and their files."""

    def index() -> Response:
        return rendered("index.html")

    def saved() -> Response:
        return rendered("saved.html")

    def rendered(template: str) -> Response:
        page = _context(search, static, languages)
        response = make_response(render_template(template, page=page, t=languages.translate(page.language)))
        response.cache_control.no_cache = True
        if page.person:
            response.cache_control.no_store = True  # nobody goes back to it after its reader has left
        response.content_language.add(page.language)
        response.vary.update(["Accept-Language", "Cookie"])
        return squeezed(response, request)

    def static_file(version: str, name: str) -> Response:
        return static.send(version, name, request)

    def favicon() -> ResponseReturnValue:
        return redirect(static.url("img/icon.svg"))

    app.add_url_rule("/", "index", index)
    app.add_url_rule("/saved", "saved_page", saved)
    app.add_url_rule("/static/<version>/<path:name>", "static_file", static_file)
    app.add_url_rule("/favicon.ico", "favicon", favicon)


def _context(search: Upstream, static: StaticFiles, languages: Languages) -> PageContext:
    try:
        listed = CataloguesResponse.model_validate(search.get_json("/v1/catalogues", timeout_s=_CATALOGUES_TIMEOUT_S))
    except (ServiceUnavailable, ValidationError):
        listed = CataloguesResponse(catalogues=[], unavailable={})
    wanted = request.args.get("catalogue")
    chosen = next((entry for entry in listed.catalogues if entry.name == wanted), None)
    if chosen is None and listed.catalogues:
        chosen = listed.catalogues[0]
    language, token = languages.of(request), page_token()
    query = request.args.get("q", "").strip()[:MAX_TEXT_LENGTH]
    words_alone = bool(query) and not set(request.args) - {"q", "catalogue"}
    return PageContext(
        static=static,
        query=query,
        words_alone=words_alone and wanted in (None, chosen and chosen.name),
        asked=any(request.args.get(name) for name in ("q", "image", "upload", "and")),
        catalogue=chosen,
        language=language,
        languages=languages.names,
        messages=languages.messages(language),
        person=person(),
        csrf=token,
        catalogues=listed.catalogues,
        unavailable=listed.unavailable,
    )
