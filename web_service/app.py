"""The web service: the labelling page, and the two other services under the page's own origin."""

from __future__ import annotations

from pathlib import Path

from flask_openapi3.openapi import OpenAPI

from clip_branches.service import create_base_app
from clip_branches.service.figures import DiskFigures
from clip_branches.settings import WebSettings
from web_service import api, pages, security
from web_service.entry import origin
from web_service.keeping import routes as keeping
from web_service.keeping.answers import Answers
from web_service.keeping.collector import Collector
from web_service.keeping.database import Database
from web_service.keeping.keeper import Keeper
from web_service.languages import Languages
from web_service.static_files import StaticFiles
from web_service.upstream import Upstream

# A 20 MB image grows by a third in base64; the search service itself says what is too large.
MAX_BODY = 32 * 1024 * 1024
_HERE = Path(__file__).resolve().parent


def create_app(settings: WebSettings | None = None) -> OpenAPI:
    """The app, from ``settings`` or else from assets/web/config.json and the environment.

    Nothing is asked of the other services before the first request, so the three may start in any order.
    """
    settings = settings if settings is not None else WebSettings.load()
    search = Upstream("search", settings.search_url, timeout_s=settings.timeout_s, connections=settings.threads)
    data = Upstream("data", settings.data_url, timeout_s=settings.timeout_s, connections=settings.threads)

    def readiness() -> list[str]:
        return [reason for upstream in (search, data) for reason in upstream.problems()]

    app = create_base_app(
        __name__,
        settings,
        title="CLIP-Branches web",
        description="The labelling page, and the search and data services under the page's own origin.",
        readiness=readiness,
        max_body=MAX_BODY,
        static_folder=None,
        template_folder=str(_HERE / "templates"),
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    security.register(app)
    origin.register(app)
    api.register(app, search=search, data=data)
    database, answers = Database(settings.database), Answers(search, data)
    app.extensions["database"] = database
    app.extensions["metrics"].add(DiskFigures({"saved": settings.data_dir / "saved"}))
    keeping.register(app, Keeper(database, answers), Collector(database, answers))
    static, languages = StaticFiles(_HERE / "static"), Languages(_HERE / "messages")
    if not app.extensions["guard"].is_open:
        from web_service.entry import routes as entry

        entry.register(app, settings, static=static, languages=languages)
    pages.register(app, search=search, static=static, languages=languages)
    return app
