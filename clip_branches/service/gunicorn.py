"""Gunicorn's options, the same for every service; each service's gunicorn_conf.py takes them from here."""

from __future__ import annotations

from typing import Any

from clip_branches.service.reloading import reload_hooks
from clip_branches.service.workers import worker_metrics
from clip_branches.settings import ServiceSettings


def gunicorn_options(settings: ServiceSettings) -> dict[str, Any]:
    """Options for gthread workers that log JSON through the service itself and stop gracefully on SIGTERM."""
    hooks = reload_hooks(type(settings).load) | worker_metrics(settings.workers)
    return {
        **hooks,
        "bind": f"{settings.host}:{settings.port}",
        "worker_class": "gthread",
        "workers": settings.workers,
        "threads": settings.threads,
        # A gthread worker beats its heart outside the request threads: this bounds a hung process, not a long request.
        "timeout": 60,
        "graceful_timeout": 20,
        "keepalive": 15,
        # 1,000 ids of a page make a longer line than gunicorn's default of 4,094 bytes allows.
        "limit_request_line": 0,
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
