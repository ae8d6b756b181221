"""/login and /logout."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from flask import Flask, Response, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf

from clip_branches.errors import ClipBranchesError
from clip_branches.service import status_of
from clip_branches.service.guard import Guard
from clip_branches.settings import WebSettings
from web_service.entry.sessions import Sessions
from web_service.languages import Languages, Message
from web_service.static_files import StaticFiles, squeezed

if TYPE_CHECKING:
    from web_service.entry.provider import Provider

# Where a login may lead: to a page of this service, by its relative address, and to no other site.
_NEXT = re.compile(r"(\./|saved)(\?[^\s\\#]*)?")
_PAGES = {"index": "./", "saved_page": "saved"}
_LONGEST_NEXT = 4_000


@dataclass(frozen=True)
class LoginContext:
    """What the template is given. ``problem``: what went wrong, or empty; ``issuer``: where else to log in."""

    static: StaticFiles
    language: str
    languages: dict[str, str]
    messages: Mapping[str, Message]
    next: str
    csrf: str
    issuer: str | None
    problem: str
    person: str | None = None
    ask: None = None


def register(app: Flask, settings: WebSettings, *, static: StaticFiles, languages: Languages) -> None:
    """Adds the routes, and sends who comes to a page without a session to the first of them."""
    guard: Guard = app.extensions["guard"]
    sessions = Sessions(app, settings, guard)
    provider = _provider(app, settings) if settings.oidc_issuer else None
    app.before_request(sessions.protect)

    def refused() -> ResponseReturnValue | None:
        if request.endpoint not in _PAGES:
            return None
        query = request.query_string.decode("latin-1")
        wanted = _PAGES[request.endpoint] + (f"?{query}" if query else "")
        return redirect(f"login?next={quote(wanted, safe='')}" if wanted != "./" else "login")

    guard.refused = refused

    def page(problem: str, status: int) -> Response:
        language = languages.of(request)
        context = LoginContext(
            static=static,
            language=language,
            languages=languages.names,
            messages=languages.messages(language),
            next=_next(),
            csrf=generate_csrf(),
            issuer=None if provider is None else provider.host,
            problem=problem,
        )
        rendered = render_template("login.html", page=context, t=languages.translate(language))
        response = make_response(rendered, status)
        response.cache_control.no_store = True
        response.content_language.add(language)
        return squeezed(response, request)

    def login() -> ResponseReturnValue:
        return redirect(_next()) if guard.caller() is not None else page(request.args.get("problem", ""), 200)

    def enter() -> ResponseReturnValue:
        try:
            sessions.protect_form()
        except ClipBranchesError as error:
            return page("again", status_of(error))
        caller = guard.ring.caller(request.form.get("key", "").strip())
        if caller is None:
            guard.rates.count_failure()
            return page("wrong", 401)
        sessions.begin(key=caller.owner.removeprefix("key:"))
        return redirect(_next(), 303)

    def leave() -> ResponseReturnValue:
        sessions.protect_form()
        sessions.end()
        return redirect("login", 303)

    app.add_url_rule("/login", "login", login)
    app.add_url_rule("/login", "enter", enter, methods=["POST"])
    app.add_url_rule("/logout", "leave", leave, methods=["POST"])
    if provider is not None:
        _register_provider(app, guard, sessions, provider)


def _register_provider(app: Flask, guard: Guard, sessions: Sessions, provider: Provider) -> None:
    def away() -> ResponseReturnValue:
        session["next"] = _next()
        try:
            return provider.leave(url_for("login_back", _external=True))
        except ClipBranchesError:
            return redirect("../login?problem=away")

    def back() -> ResponseReturnValue:
        wanted = session.get("next", "./")
        try:
            who = provider.come_back(guard.ring.groups)
        except ClipBranchesError:
            return redirect("../login?problem=failed")
        sessions.begin(**who)
        if guard.caller() is None:
            sessions.end()
            return redirect("../login?problem=nobody")
        return redirect(f"../{wanted}", 303)

    app.add_url_rule("/login/away", "login_away", away)
    app.add_url_rule("/login/back", "login_back", back)


def _provider(app: Flask, settings: WebSettings) -> Provider:
    from web_service.entry.provider import Provider

    return Provider(app, settings)


def _next() -> str:
    wanted = request.values.get("next", "")
    return wanted if len(wanted) <= _LONGEST_NEXT and _NEXT.fullmatch(wanted) else "./"
