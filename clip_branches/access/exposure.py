"""Where a service may listen: to this machine, or to others with a way to tell who asks."""

from __future__ import annotations

import ipaddress
from typing import Literal

from clip_branches.access.keyring import KeyRing
from clip_branches.access.secret import SharedSecret
from clip_branches.errors import ConfigurationError
from clip_branches.settings import ServiceSettings

_MAKE = "python -m clip_branches.access add NAME --scopes read,label"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address; no for a name other than localhost, which may be of anything."""
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def mode_of(settings: ServiceSettings) -> Literal["open", "keys"]:
    """How the service tells who asks: "open" asks nobody, "keys" everybody."""
    if settings.access != "auto":
        return settings.access
    return "open" if settings.trusted_network or is_loopback(_reached(settings)) else "keys"


def check_exposure(settings: ServiceSettings, *, bound: str | None = None) -> None:
    """Raises ConfigurationError, in one line, for a service that would let strangers in, or nobody at all.

    ``bound`` is the address that a server really listens on, where that may be another than the setting ``host``.
    """
    host = settings.published_host or (settings.host if bound is None else bound)
    if is_loopback(host) or settings.trusted_network:
        return
    prefix = settings.service.upper()
    elsewhere = f"{prefix}_HOST=127.0.0.1 to serve this machine alone"
    if mode_of(settings) == "open":
        raise ConfigurationError(
            f"The {settings.service} service would be open to anybody who reaches {host or 'any address'}. What works: "
            f"{prefix}_ACCESS=keys and a key made by `{_MAKE}`; {elsewhere}; or {prefix}_TRUSTED_NETWORK=true where "
            "nobody but trusted machines reaches that address."
        )
    if not _has_a_way_in(settings):
        login = ", or WEB_OIDC_ISSUER with `python -m clip_branches.access allow`" if settings.service == "web" else ""
        raise ConfigurationError(
            f"The {settings.service} service would listen on {host or 'any address'}, beyond this machine, and there "
            f"is no key to get in by. What works: a key made by `{_MAKE}`{login}; or {elsewhere}."
        )


def _has_a_way_in(settings: ServiceSettings) -> bool:
    ring = KeyRing(settings.data_dir)
    if ring.has_keys:
        return True
    if settings.service == "web":
        return bool(getattr(settings, "oidc_issuer", "")) and ring.has_grants
    # The page's service gets in by the secret that it shares.
    return SharedSecret(settings.data_dir).exists


def _reached(settings: ServiceSettings) -> str:
    return settings.published_host or settings.host
