"""What a page is told of who reads it."""

from __future__ import annotations

from flask import g

from clip_branches.service import current_caller


def person() -> str | None:
    """The name of whoever is logged in; None in an open service."""
    return current_caller().name if g.get("by_session", False) else None


def page_token() -> str | None:
    """What the page sends with its changes, to show that they are its own; None where no session is."""
    if not g.get("by_session", False):
        return None
    from flask_wtf.csrf import generate_csrf

    return generate_csrf()
