"""Gunicorn's options, the same for every service; each service's gunicorn_conf.py takes them from here."""

from __future__ import annotations

import sys
from typing import Any

from clip_branches.access import check_exposure
from clip_branches.errors import ClipBranchesError
from clip_branches.service.limits import SPARE_THREADS
from clip_branches.service.reloading import reload_hooks
from clip_branches.service.worker_metrics import worker_metrics
from clip_branches.settings import ServiceSettings

# 1,000 ids of a page make a line of 22,000 bytes, 100 conditions on columns one of 40,000.
REQUEST_LINE = 64 * 1024
HEADERS, HEADER_BYTES = 64, 8 * 1024
CONNECTIONS = 2_000


def gunicorn_options(settings: ServiceSettings) -> dict[str, Any]:
    """Options for threaded workers that log JSON through the service itself and stop gracefully on SIGTERM.

    Ends the process, with one line, where the service would be open to strangers.
    """
    from clip_branches.service.worker import worker_of

    doorkeeper = _Doorkeeper(settings)
    hooks = _one_after_another(reload_hooks(doorkeeper.load), worker_metrics(settings.workers))
    return {
        **hooks,
        "on_starting": doorkeeper.on_starting,
        "bind": f"{settings.host}:{settings.port}",
        "worker_class": worker_of(settings.receive_s),
        "workers": settings.workers,
        # Who waits does so in a thread, where it is counted and told to come back when too many do.
        "threads": settings.threads + settings.waiting + SPARE_THREADS,
        "worker_connections": CONNECTIONS + settings.threads + settings.waiting,
        # A gthread worker beats its heart outside the request threads: this bounds a hung process, not a long request.
        "timeout": 60,
        "graceful_timeout": 20,
        "keepalive": 15,
        "limit_request_line": REQUEST_LINE,
        "limit_request_fields": HEADERS,
        "limit_request_field_size": HEADER_BYTES,
        "accesslog": None,
        "errorlog": "-",
        "logconfig_dict": {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": {"()": "clip_branches.service.logs.JsonFormatter", "service": settings.service}},
            "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stdout"}},
            "root": {"level": settings.log_level, "handlers": []},
            "loggers": {
                "gunicorn.error": {"level": settings.log_level, "handlers": ["out"], "propagate": False},
                "gunicorn.access": {"level": "WARNING", "handlers": ["out"], "propagate": False},
            },
        },
        # The control socket of gunicorn 25 and later writes outside the data folder; a read-only container has none.
        "control_socket_disable": True,
    }


def _one_after_another(first: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    """Gunicorn's hooks of both; the one that both have, with two arguments, calls each."""

    def child_exit(server: Any, worker: Any) -> None:
        for hooks in (first, then):
            if "child_exit" in hooks:
                hooks["child_exit"](server, worker)

    return first | then | {"child_exit": child_exit}


class _Doorkeeper:
    """Keeps a service from being open to strangers: as it is set, where it is bound, and as it is set anew."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._bound: list[str] = []
        self._or_end(settings, None)

    def on_starting(self, arbiter: Any) -> None:
        """Looks at the addresses that are really listened on: gunicorn's command line goes before the settings."""
        # Anything but a pair is a socket in the file system.
        self._bound = [str(address[0]) for address in arbiter.cfg.address if isinstance(address, tuple)]
        for host in self._bound:
            self._or_end(self._settings, host)

    def load(self) -> None:
        """Settings as a reload would have them: the addresses stay what they are."""
        settings = type(self._settings).load()
        for host in self._bound:
            check_exposure(settings, bound=host)

    def _or_end(self, settings: ServiceSettings, bound: str | None) -> None:
        try:
            check_exposure(settings, bound=bound)
        except ClipBranchesError as error:
            sys.exit(f"Error: {error.message}")
