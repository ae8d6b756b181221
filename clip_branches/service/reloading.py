"""A reload without a dropped or delayed request: SIGHUP to gunicorn's first process.

By itself gunicorn starts new workers and ends the old ones at once; the new ones then still open their catalogues, and
answer 503 or not at all meanwhile. Here the old workers go on until a new one can serve: the new worker accepts no
connection before that, and then asks the first process, by SIGTTOU, to let the oldest worker finish and go. The first
process waits for none of it: it goes on to replace workers that die, and ends when it is told to.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from clip_branches.errors import ClipBranchesError

READY_WITHIN_S = 300.0  # meanwhile the old workers serve
_LOOK_S = 0.1


def reload_hooks(load_settings: Callable[[], object]) -> dict[str, Any]:
    """Gunicorn's hooks for it. ``load_settings`` raises one of the project's errors for settings that cannot be."""

    def when_ready(server: Any) -> None:
        # Gunicorn's own reload holds the first process for up to graceful_timeout, until the old workers are gone.
        server.reload = partial(_reload, server, load_settings)
        server.handle_ttou = partial(_let_the_oldest_go, server)

    return {
        "when_ready": when_ready,
        "pre_fork": _pre_fork,
        "post_worker_init": _post_worker_init,
        "child_exit": _child_exit,
    }


def _reload(server: Any, load_settings: Callable[[], object]) -> None:
    try:
        load_settings()
    except ClipBranchesError as error:
        # A worker that cannot load ends the whole server: no new one is started, and the old settings stay.
        server.log.error("The reload is refused, and everything goes on as it was: %s", error.message)
        return
    old = set(server.WORKERS)
    server.app.reload()
    server.setup(server.app)
    server.log.reopen_files()
    server.to_go = old
    server.num_workers = len(server.WORKERS) + server.cfg.workers
    server.manage_workers()


def _to_replace(server: Any) -> int:
    """How many old workers are still to be told to go."""
    return max(0, int(server.num_workers) - int(server.cfg.workers))


def _let_the_oldest_go(server: Any) -> None:
    """A new worker is ready. One that took the place of a new worker that died may say so once too often."""
    if _to_replace(server):
        server.num_workers -= 1
        server.manage_workers()


def _pre_fork(server: Any, worker: Any) -> None:
    worker.takes_over = _to_replace(server) > 0


def _post_worker_init(worker: Any) -> None:
    if not worker.takes_over:
        return
    # The app itself, not what the worker has put around it.
    readiness = worker.app.wsgi().extensions["readiness"]
    deadline = time.monotonic() + READY_WITHIN_S
    while worker.alive and (reasons := readiness()):
        if time.monotonic() > deadline:
            worker.log.error("A new worker takes over although it is not ready: %s", " ".join(reasons))
            break
        worker.notify()
        time.sleep(_LOOK_S)
    os.kill(worker.ppid, signal.SIGTTOU)


def _child_exit(server: Any, worker: Any) -> None:
    """An old worker that ends by itself during a reload is not started anew: its successor is on its way."""
    if worker.pid in getattr(server, "to_go", ()):
        server.to_go.discard(worker.pid)
        if len(server.WORKERS) < server.num_workers and _to_replace(server):
            server.num_workers -= 1
