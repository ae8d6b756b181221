"""Sessions: who logged in, in a signed cookie that no script reads and no other site sends along with a change.

The cookie says who it is, not what they may do: that is looked up with each request, so that a revoked key, a grant
that was taken away or a catalogue that became private counts at once.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from typing import Any

from flask import Flask, Request, g, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import CSRFError, CSRFProtect

from clip_branches.access import Caller
from clip_branches.access.secret import SharedSecret
from clip_branches.errors import ClipBranchesError, NotAllowed
from clip_branches.service.guard import Guard
from clip_branches.settings import WebSettings
from web_service.entry.ended import Ended
from web_service.entry.origin import CHANGING

_log = logging.getLogger(__name__)
_WHO = "who"
_ID = re.compile(r"[0-9a-f]{32}")


class _Cookie(SecureCookieSessionInterface):
    """Secure wherever the page is read by https, by itself or by a proxy that the settings count.

    Signed, as the page's tokens are, with the newest of the services' secrets; those before it are accepted.
    """

    def __init__(self, secret: SharedSecret) -> None:
        self._secret = secret

    def use_secrets(self, app: Flask) -> None:
        *former, newest = keys = self._secret.keys_for("session")
        if app.config.get("WTF_CSRF_SECRET_KEY") != list(keys):
            app.config.update(SECRET_KEY_FALLBACKS=former, WTF_CSRF_SECRET_KEY=list(keys), SECRET_KEY=newest)

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        try:
            self.use_secrets(app)
        except ClipBranchesError as error:
            _log.error("the services' secret is not read anew", extra={"reason": error.message})
        return super().open_session(app, request)

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


class Sessions:
    """Of one web service."""

    def __init__(self, app: Flask, settings: WebSettings, guard: Guard) -> None:
        self._ring = guard.ring
        self._lifetime_s = settings.session_hours * 3600
        self._ended = Ended(settings.data_dir, self._lifetime_s)
        self._csrf = CSRFProtect()
        cookie = app.session_interface = _Cookie(SharedSecret(settings.data_dir))
        cookie.use_secrets(app)
        app.config.update(
            # Cookies know no ports: two platforms on one machine must not end each other's sessions.
            SESSION_COOKIE_NAME=f"clip_branches_{settings.port}",
            SESSION_COOKIE_HTTPONLY=True,
            SESSION_COOKIE_SAMESITE="Lax",
            WTF_CSRF_CHECK_DEFAULT=False,
            WTF_CSRF_TIME_LIMIT=None,  # as long as the session
            WTF_CSRF_SSL_STRICT=False,  # the page sends no referrer, to nobody
            WTF_CSRF_HEADERS=["X-CSRF-Token"],
        )
        self._csrf.init_app(app)
        guard.also = self.caller

    def caller(self) -> Caller | None:
        """Whoever has the session of this request; None where there is none that still counts."""
        who = session.get(_WHO)
        if who is None or who["until"] < time.time() or who["id"] in self._ended:
            return None
        g.by_session = True
        if who["key"] is not None:
            return self._ring.holder(who["key"])
        return self._ring.person(who["owner"], who["name"], who["email"], who["groups"])

    def begin(self, **who: Any) -> None:
        """A new session; nothing of what was in the cookie before is in it, so nobody can have prepared it."""
        session.clear()
        session[_WHO] = {
            "id": secrets.token_hex(16), "until": time.time() + self._lifetime_s,
            "key": None, "owner": None, "name": None, "email": None, "groups": [], **who,
        }  # fmt: skip

    def end(self) -> None:
        """Ends the session of this request, and every copy of its cookie."""
        who = session.get(_WHO)
        if who is not None and _ID.fullmatch(who["id"]):
            self._ended.add(who["id"])
        session.clear()

    def protect(self) -> None:
        """NotAllowed for a change that does not prove to come from this page; keys, sent by hand, prove enough."""
        if request.method in CHANGING and g.get("by_session", False):
            self.protect_form()

    def protect_form(self) -> None:
        """The same for a form of somebody who has no session yet."""
        try:
            self._csrf.protect()
        except CSRFError as error:
            raise NotAllowed(
                "The request must carry this page's token (the header X-CSRF-Token). Load the page again, then do the "
                "same once more."
            ) from error
