"""How often somebody may ask: limits by caller and by address, and quotas of a day, by the ``limits`` package.

The package is what Flask-Limiter counts with; used by itself because the counting belongs between finding out who asks
and letting them, and a key that does not work must count against its address and nobody else.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import time
from typing import NoReturn

from flask import request
from limits import RateLimitItem, RateLimitItemPerDay, parse_many
from limits.errors import ConfigurationError as StorageMissing
from limits.errors import StorageError as StorageAway
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter, SlidingWindowCounterRateLimiter

from clip_branches.access import Caller
from clip_branches.errors import ConfigurationError, TooManyRequests
from clip_branches.settings import ServiceSettings

_log = logging.getLogger(__name__)
_AUTO = {"rate_limit": "600/minute", "picture_rate_limit": "6000/minute", "failure_rate_limit": "30/minute"}
_PICTURE = "/items/<int:id>/image"


class Rates:
    """Counts requests of one service, in its memory or in a storage that several share."""

    def __init__(self, settings: ServiceSettings, *, is_open: bool) -> None:
        self._limits = {name: _items(getattr(settings, name), name, is_open) for name in _AUTO}
        try:
            storage = storage_from_string(settings.rate_storage, wrap_exceptions=True)
            self._rates = SlidingWindowCounterRateLimiter(storage)
            self._quotas = FixedWindowRateLimiter(storage)
        except (StorageMissing, NotImplementedError, ValueError) as error:
            raise ConfigurationError(
                f"The setting 'rate_storage' must be memory:// or the address of a storage whose client is installed, "
                f"such as redis://host:6379. Got {settings.rate_storage.partition('@')[2] or settings.rate_storage!r} "
                f"instead: {error}"
            ) from error
        self.is_needed = not is_open or any(self._limits.values())

    def count(self, caller: Caller) -> None:
        """One request more of the caller; TooManyRequests, which says when to come back, for one too many."""
        who = address() if caller.is_local else caller.owner
        is_picture = request.url_rule is not None and request.url_rule.rule.endswith(_PICTURE)
        for item in self._limits["picture_rate_limit" if is_picture else "rate_limit"]:
            if not self._hit(self._rates, item, "picture" if is_picture else "request", who):
                self._refuse(self._rates, item, "picture" if is_picture else "request", who, f"{item} are allowed")
        if caller.per_day is not None and not is_picture:
            quota = RateLimitItemPerDay(caller.per_day)
            if not self._hit(self._quotas, quota, "quota", who):
                self._refuse(self._quotas, quota, "quota", who, f"the quota is {caller.per_day:,} requests a day")

    def count_failure(self) -> None:
        """One attempt more from this address that did not say who it is; TooManyRequests for one too many."""
        for item in self._limits["failure_rate_limit"]:
            if not self._hit(self._rates, item, "failure", address()):
                self._refuse(self._rates, item, "failure", address(), f"{item} without a key that works are allowed")

    def _hit(self, limiter: _Limiter, item: RateLimitItem, *who: str) -> bool:
        try:
            return limiter.hit(item, *who)
        except StorageAway as error:
            # Who asks is still known and still held to their scopes: a storage that is away need not stop everybody.
            _log.error("requests are not counted", extra={"reason": str(error)})
            return True

    def _refuse(self, limiter: _Limiter, item: RateLimitItem, kind: str, who: str, what: str) -> NoReturn:
        wait = max(1, math.ceil(limiter.get_window_stats(item, kind, who).reset_time - time.time()))
        raise TooManyRequests(f"That is too much at once: {what}. Try again in {wait:,} seconds.", retry_after=wait)


_Limiter = FixedWindowRateLimiter | SlidingWindowCounterRateLimiter


def address() -> str:
    """The address that is counted for: of IPv6 the network of 64 bits, which is what one person is given."""
    text = request.remote_addr or "unknown"
    try:
        number = ipaddress.ip_address(text)
    except ValueError:
        return text
    return text if number.version == 4 else str(ipaddress.ip_network((number, 64), strict=False))


def _items(limit: str, name: str, is_open: bool) -> list[RateLimitItem]:
    if limit == "auto":
        limit = "" if is_open else _AUTO[name]
    return parse_many(limit) if limit else []
