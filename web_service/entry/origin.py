"""Requests that a page of another site makes a browser send: none of them changes anything here.

Beside the page's own token, and in an open service too, which has no sessions and so no token: a browser says itself
which site a request is from, and no script of a page can make it say another.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, request

from clip_branches.errors import NotAllowed

CHANGING = frozenset(("POST", "PUT", "PATCH", "DELETE"))
_OWN = frozenset(("same-origin", "none"))  # none: the person's own doing, such as sending a form once more


def register(app: Flask) -> None:
    app.before_request(check)


def check() -> None:
    """NotAllowed for a request that may change something and comes from another site's page.

    What says nothing of where it comes from is no browser's, or one's that hides it, and the token decides. A key
    (``Authorization: Bearer``) proves enough: a page of another site cannot send one unless it was let.
    """
    if request.method not in CHANGING or request.headers.get("Authorization", "").lower().startswith("bearer "):
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin", "null")
    # By plain http browsers say no Sec-Fetch-Site. "null": a form of a page that sends no referrer, as ours do.
    said_own = origin == "null" or _host(origin) == request.host.lower()
    is_own = said_own if site is None else site in _OWN
    if not is_own:
        raise NotAllowed(
            f"A page of another site ({'not named' if origin == 'null' else origin[:200]}) asked for this, and only "
            f"pages of {request.host} may. Programs send an API key instead ('Authorization: Bearer cb_...'); behind "
            "a proxy the service must be told of it (WEB_PROXIES)."
        )


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
