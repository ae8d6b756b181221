"""Gunicorn's options, the same for every service; each service's gunicorn_conf.py takes them from here."""

from __future__ import annotations

from typing import Any

from clip_branches.service.limits import SPARE_THREADS
from clip_branches.service.reloading import reload_hooks
from clip_branches.service.workers import worker_metrics
from clip_branches.settings import ServiceSettings

# 1,000 ids of a page make a line of 22,000 bytes, 100 conditions on columns one of 40,000.
REQUEST_LINE = 64 * 1024
HEADERS, HEADER_BYTES = 64, 8 * 1024
CONNECTIONS = 2_000


def gunicorn_options(settings: ServiceSettings) -> dict[str, Any]:
    """Options for threaded workers that log JSON through the service itself and stop gracefully on SIGTERM."""
    from clip_branches.service.worker import worker_of

    hooks = reload_hooks(type(settings).load) | worker_metrics(settings.workers)
    return {
        **hooks,
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
