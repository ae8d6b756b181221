"""Who a request is from, and whether it may: before every view, by the table of ``clip_branches.access.routes``.

An open service asks nobody, at the cost of one look at the headers. Any other takes an API key
(``Authorization: Bearer cb_...``), the signed identity that another service of this platform passes on, or whatever
``Guard.also`` knows besides (the web service: a session).
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response, g, has_request_context, request
from flask.typing import ResponseReturnValue

from clip_branches.access import LOCAL, NOBODY, ON_BEHALF_OF, OPEN, Caller, KeyRing, Passing, mode_of, scope_of
from clip_branches.errors import NotAllowed, NotAuthenticated, UnknownCatalogue
from clip_branches.service.rates import Rates
from clip_branches.settings import ServiceSettings

_WHO = "Send an API key as 'Authorization: Bearer cb_...'; `python -m clip_branches.access add NAME` makes one."


class Guard:
    """Of one service.

    ``also`` is asked for the caller of a request that brings neither key nor passed-on identity, and ``refused`` for an
    answer other than an error, where nobody knows who asks.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.is_open = mode_of(settings) == "open"
        self.ring = KeyRing(settings.data_dir)
        self.passing = Passing(settings.data_dir)
        self.rates = Rates(settings, is_open=self.is_open)
        self._is_free = self.is_open and not self.rates.is_needed
        self.also: Callable[[], Caller | None] = lambda: None
        self.refused: Callable[[], ResponseReturnValue | None] = lambda: None
        if not self.is_open:
            _ = self.ring.has_keys  # a damaged file is said now, not to the first who asks

    def admit(self) -> ResponseReturnValue | None:
        """Sets ``g.caller``; raises NotAuthenticated, NotAllowed or TooManyRequests. What is hidden, Shelf hides."""
        if self._is_free and ON_BEHALF_OF not in request.headers:
            return None
        rule = request.url_rule
        if rule is None or request.method == "OPTIONS":
            return None  # there is nothing there, or only what a browser asks before it asks
        scope = scope_of(request.method, rule.rule) or "admin"
        if self.is_open and ON_BEHALF_OF not in request.headers:
            if scope != OPEN:
                self.rates.count(LOCAL)
            return None
        g.caller = NOBODY
        if scope == OPEN:
            return None
        try:
            caller = self.caller()
        except NotAuthenticated:
            self.rates.count_failure()
            raise
        if caller is None:
            instead = self.refused()
            if instead is not None:
                return instead
            raise NotAuthenticated(f"This needs to know who asks. {_WHO}")
        g.caller = caller
        require(scope)
        if ON_BEHALF_OF not in request.headers:  # the service that passed it on has counted it
            self.rates.count(caller)
        return None

    def caller(self) -> Caller | None:
        """Whoever the request says it is from, and proves it; None where it says nothing."""
        passed_on = request.headers.get(ON_BEHALF_OF)
        if passed_on is not None:
            return self.passing.caller(passed_on, request.method, request.path)
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer":
            known = self.ring.caller(token.strip())
            if known is None:
                raise NotAuthenticated(f"The key does not work: it is wrong, revoked or has ended. {_WHO}")
            return known
        return self.also()

    def identity(self, method: str, path: str) -> dict[str, str]:
        """The header that passes the caller on with a request to another service, where that can need it.

        ``path``: decoded, and without what the other service's own address begins with.
        """
        if self.is_open and not self.passing.is_possible:
            return {}
        return {ON_BEHALF_OF: self.passing.signed(current_caller(), method, path)}


def register(app: Flask, settings: ServiceSettings) -> Guard:
    """Guards every route of the app; the guard is ``app.extensions["guard"]``."""
    guard = app.extensions["guard"] = Guard(settings)
    app.before_request(guard.admit)
    app.after_request(_keep_from_others)
    return guard


def current_caller() -> Caller:
    """Whoever the request being served is from; ``LOCAL`` in an open service and outside of requests."""
    if not has_request_context():
        return LOCAL
    caller: Caller = g.get("caller", LOCAL)
    return caller


def require(scope: str) -> None:
    """NotAllowed unless the caller has the scope."""
    caller = current_caller()
    if not caller.may(scope):
        has = ", ".join(sorted(caller.scopes)) or "none"
        raise NotAllowed(f"This needs the scope '{scope}', and {caller.name!r} has {has}.")


def unknown_catalogue(name: str) -> UnknownCatalogue:
    """What somebody is told of a catalogue that is hidden from them, and just so of one that does not exist."""
    return UnknownCatalogue(f"The catalogue must be one that the list of catalogues names. Got {name!r}.", field="name")


def _keep_from_others(response: Response) -> Response:
    """What is for one caller must not come to another from a cache between them."""
    caller = g.get("caller")
    if caller is not None and caller is not NOBODY:
        if response.cache_control.public:
            response.cache_control.public = False
            response.cache_control.private = True
        response.vary.update(["Authorization", "Cookie"])
    return response
